//! Iterators: sections "iter/<what>" (Linux 5.8). The program runs for each object and writes what user
//! space reads from the link: text or records.

const core = @import("../core.zig");
const helpers = @import("../helpers.zig");
const log = @import("../log.zig");
const result = @import("../result.zig");
const types = @import("../types.zig");

const seq_file = types.seq_file;
const bpf_iter_meta = extern struct { seq: *seq_file, session_id: u64, seq_num: u64 };

/// The context of an iterator over these objects: a struct of the pointers of the kernel's
/// `struct bpf_iter__<what>` behind `meta`, in its order: `*const bpf.Iterator(extern struct { task: ?*const task_struct })`.
/// After the last object the program runs once more, with null.
pub fn Iterator(comptime Fields: type) type {
    return extern struct {
        meta: *const bpf_iter_meta,
        fields: Fields,

        const Self = @This();

        /// Write the bytes of `value.*`. NoSpace: the kernel makes more room and runs the program for this object
        /// again. For GPL-compatible programs.
        pub inline fn write(self: *const Self, value: anytype) result.Error!void {
            return result.check(helpers.seq_write(self.sequence(), value, @sizeOf(@TypeOf(value.*))));
        }

        /// Write text: a kernel format and its arguments, as those of `printk`, up to 12. For GPL-compatible programs.
        pub inline fn print(self: *const Self, comptime format: []const u8, arguments: anytype) result.Error!void {
            const values = log.words(format, arguments);
            const text = format ++ "\x00";
            return result.check(helpers.seq_printf(self.sequence(), text, text.len, if (comptime values.len == 0) null else &values, 8 * values.len));
        }

        /// The number of this object in the walk, from 0.
        pub inline fn number(self: *const Self) u64 {
            return core.load(self.meta, "seq_num");
        }

        inline fn sequence(self: *const Self) *seq_file {
            return core.load(self.meta, "seq");
        }
    };
}
