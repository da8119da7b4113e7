//! XDP: packets and bytes by flow, replaced in a hash that evicts.

const bpf = @import("bpf");
const Ip = @import("ip.zig").Ip;

const Flow = extern struct { source: u32, target: u32, source_port: u16, target_port: u16, protocol: u32 };
const Traffic = extern struct { packets: u64, bytes: u64 };
const Packet = extern struct { ip: Ip, source_port: u16, target_port: u16 };

export var flows: bpf.LruHash(Flow, Traffic, 1024) linksection(".maps") = .{};

export fn prog(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const packet = bpf.packet.at(Packet, ctx, 14) orelse return bpf.XDP.PASS;
    const flow: Flow = .{
        .source = packet.ip.source,
        .target = packet.ip.target,
        .source_port = packet.source_port,
        .target_port = packet.target_port,
        .protocol = packet.ip.protocol,
    };
    var next: Traffic = .{ .packets = 1, .bytes = 0 };
    if (flows.lookup(&flow)) |found| {
        next.packets = found.packets + 1;
        next.bytes = found.bytes;
    }
    next.bytes += @byteSwap(packet.ip.total);
    flows.update(&flow, &next, bpf.ANY) catch {};
    return bpf.XDP.PASS;
}
