//! refuses: has 6 bytes of padding before 'time': nobody sets them, and the verifier of kernels before 6.3 refuses that
const bpf = @import("bpf");
pub const programs = .{ .send = "xdp" };
const Event = extern struct { port: u16, time: u64 };
export var events: bpf.RingBuf(Event) linksection(".maps") = .{};
pub fn send() !void {
    try events.output(&.{ .port = 1, .time = 2 });
}
