//! XDP: UDP packets to a port that stands in a hash are dropped and counted.

const bpf = @import("bpf");
const Ip = @import("ip.zig").Ip;

const Udp = extern struct { source: u16, target: u16, length: u16, checksum: u16 };

export var blocked: bpf.Hash(u16, u64, 64) linksection(".maps") = .{};

export fn prog(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const ip = bpf.packet.at(Ip, ctx, 14) orelse return bpf.XDP.PASS;
    if (ip.protocol != 17) return bpf.XDP.PASS;
    const length = @as(usize, ip.version_length & 15) * 4;
    const udp = bpf.packet.at(Udp, ctx, 14 + length) orelse return bpf.XDP.PASS;
    const port = @byteSwap(udp.target);
    const count = blocked.lookup(&port) orelse return bpf.XDP.PASS;
    count.* += 1;
    return bpf.XDP.DROP;
}
