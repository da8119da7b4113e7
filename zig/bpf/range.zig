//! Loops over numbers of any count, by the kernel's iterator (Linux 6.4):
//!
//!     var numbers: bpf.Range = undefined;
//!     numbers.init(0, count);
//!     defer numbers.deinit();
//!     while (numbers.next()) |number| { ... }
//!
//! Where a safety check fails inside, or an error is returned, the program gives the iterator back before it ends, though
//! `defer` does not run at a failed check. `bpf.loop` needs no iterator, and is there since Linux 5.17.

const external = @import("external.zig");
const bpf_iter_num = @import("types.zig").bpf_iter_num;

/// A variable of the program, from `init` to `deinit`.
pub const Range = extern struct {
    state: bpf_iter_num,

    /// From `start` up to, and without, `end`. For GPL-compatible programs.
    pub inline fn init(self: *Range, start: i32, end: i32) void {
        _ = external.kfunc("bpf_iter_num_new", fn (*bpf_iter_num, c_int, c_int) callconv(.c) c_int)(&self.state, start, end);
    }

    /// The next number, or null behind the last. For GPL-compatible programs.
    pub inline fn next(self: *Range) ?i32 {
        const number = external.kfunc("bpf_iter_num_next", fn (*bpf_iter_num) callconv(.c) ?*c_int)(&self.state) orelse return null;
        return number.*;
    }

    /// Give the iterator back; on every path. For GPL-compatible programs.
    pub inline fn deinit(self: *Range) void {
        external.kfunc("bpf_iter_num_destroy", fn (*bpf_iter_num) callconv(.c) void)(&self.state);
    }
};
