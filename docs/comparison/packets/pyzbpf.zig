const bpf = @import("bpf");
const net = bpf.net;

pub const programs = .{ .count = "xdp" };

export var counts: bpf.CounterBy(u32, 256) linksection(".maps") = .{};

pub fn count(ctx: *bpf.XdpMd) !bpf.XDP {
    const ethernet = bpf.packet.at(net.Ethernet, ctx, 0) orelse return .pass;
    if (ethernet.type.get() != net.EtherType.ipv4) return .pass;
    const ip = bpf.packet.at(net.Ipv4, ctx, 14) orelse return .pass;
    const protocol: u32 = ip.protocol;
    try counts.add(&protocol, 1);
    return .pass;
}
