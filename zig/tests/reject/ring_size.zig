//! refuses: a ringbuf map of 0 bytes
//! advises: max_entries is its size in bytes: a power of two
const bpf = @import("bpf");
pub const programs = .{ .watch = "xdp" };
export var events: bpf.RingBuf(u64).with(.{ .max_entries = 0 }) linksection(".maps") = .{};
pub fn watch() !void {
    try events.output(&1);
}
