//! Tracepoints: sections "tracepoint/<category>/<name>" (or "tp/...").
//!
//! The fields of one are listed in its `format` file in tracefs. The context is best declared as the kernel's own
//! type, `trace_event_raw_<class>`, with the members that are used: `core.load(ctx, "pid")` finds them on each kernel.

const core = @import("../core.zig");
const helpers = @import("../helpers.zig");
const result = @import("../result.zig");

/// The context of a tracepoint with these fields (an extern struct that starts behind the eight
/// bytes common to all tracepoints): `ctx: *bpf.Tracepoint(extern struct { pid: i32 })`.
pub fn Tracepoint(comptime Fields: type) type {
    return extern struct {
        common_type: u16,
        common_flags: u8,
        common_preempt_count: u8,
        common_pid: i32,
        fields: Fields,
    };
}

/// Copy a string of varying length, whose place a member `__data_loc_<name>` says, NUL-ended; returns its length with
/// the NUL: `bpf.tracepoint.text(ctx, "__data_loc_filename", &event.path)`. For GPL-compatible programs.
pub inline fn text(context: anytype, comptime member: []const u8, target: anytype) result.Error!u32 {
    @setRuntimeSafety(false);
    const place: u32 = core.load(context, member);
    const start: [*]const u8 = @ptrCast(context);
    return result.value(u32, helpers.probe_read_kernel_str(target, @sizeOf(@TypeOf(target.*)), start + (place & 0xffff)));
}

/// A field of type `__data_loc`: where in the record a string or array of varying length lies.
pub const DataLoc = packed struct(u32) {
    offset: u16,
    length: u16,

    /// Copy the string into `target`, NUL-ended. `context` is the program's own. For GPL-compatible programs.
    pub inline fn copy(self: DataLoc, context: anytype, target: anytype) result.Error!void {
        @setRuntimeSafety(false);
        const start: [*]const u8 = @ptrCast(context);
        return result.check(helpers.probe_read_kernel_str(target, @sizeOf(@TypeOf(target.*)), start + self.offset));
    }
};
