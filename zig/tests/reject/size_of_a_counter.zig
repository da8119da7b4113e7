//! refuses: with(.{ .max_entries = … }) of a map that has one number; bpf.CounterBy has one for each key
const bpf = @import("bpf");
export var packets: bpf.Counter.with(.{ .max_entries = 4 }) linksection(".maps") = .{};
pub const programs = .{ .watch = "xdp" };
pub fn watch() void {
    packets.add(1);
}
