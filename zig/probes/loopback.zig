//! Every packet of an interface, as the first Zig probe saw them: a raw socket's filter that sends
//! one event per packet to a perf buffer and lets no packet through to the socket.

const std = @import("std");
const bpf = @import("bpf");

const Packet = extern struct {
    time: u64,
    length: u32,
    /// The Ethernet type: 0x0800 is IPv4.
    ethertype: u16,
    /// Of IPv4 the protocol (1 ICMP, 6 TCP, 17 UDP) and ports; 0 for everything else.
    protocol: u16,
    source_port: u16,
    target_port: u16,
    reserved: u32 = 0,
};

export var events: bpf.PerfEventArrayOf(Packet) linksection(".maps") = .{};

/// Only packets from or to this port; 0: all. Set before loading.
export var port: u16 linksection(".rodata") = 0;

export fn bpf_prog(ctx: *bpf.SkBuff) linksection("socket") c_int {
    var packet: Packet = .{
        .time = bpf.ktime_get_ns(),
        .length = ctx.len,
        .ethertype = std.mem.bigToNative(u16, @truncate(ctx.protocol)),
        .protocol = 0,
        .source_port = 0,
        .target_port = 0,
    };
    if (packet.ethertype == 0x0800) readPorts(ctx, &packet);
    if (port != 0 and packet.source_port != port and packet.target_port != port) return 0;
    events.output(ctx, &packet) catch {};
    return 0;
}

inline fn readPorts(ctx: *bpf.SkBuff, packet: *Packet) void {
    const ethernet_size = 14;
    var ip: [10]u8 = undefined;
    bpf.packet.load(ctx, ethernet_size, &ip) catch return;
    packet.protocol = ip[9];
    if (packet.protocol != 6 and packet.protocol != 17) return;
    var ports: [4]u8 = undefined;
    const header_size: u32 = (ip[0] & 0x0f) * 4;
    bpf.packet.load(ctx, ethernet_size + header_size, &ports) catch return;
    packet.source_port = @as(u16, ports[0]) << 8 | ports[1];
    packet.target_port = @as(u16, ports[2]) << 8 | ports[3];
}
