//! refuses: the value type []const u8 of a map is a slice, which means nothing to user space; use an array, [16]u8 or bpf.Text(16)
const bpf = @import("bpf");
export var names: bpf.Hash(u32, []const u8, 16) linksection(".maps") = .{};
pub const programs = .{ .watch = "xdp" };
pub fn watch() void {
    _ = names.lookup(&1);
}
