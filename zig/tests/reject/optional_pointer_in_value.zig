//! refuses: the value type ?*u32 of a map is a pointer, which means nothing to user space; use u64
const bpf = @import("bpf");
const Value = extern struct { last: ?*u32 };
export var seen: bpf.Hash(u32, Value, 16) linksection(".maps") = .{};
pub const programs = .{ .watch = "xdp" };
pub fn watch() void {
    _ = seen.lookup(&1);
}
