//! refuses: only maps of interfaces take a packet for all of them
const bpf = @import("bpf");
pub const programs = .{ .send = "xdp" };
export var cpus: bpf.CpuMap(4) linksection(".maps") = .{};
pub fn send() bpf.XDP {
    return cpus.broadcast();
}
