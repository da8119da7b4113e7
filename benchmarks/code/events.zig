//! Socket filter: an event for each IPv4 packet, into a ring buffer.

const bpf = @import("bpf");
const Ip = @import("ip.zig").Ip;

const Event = extern struct { source: u32, target: u32, length: u32, total: u16, protocol: u8, ttl: u8 };

export var events: bpf.RingBuf(Event).with(.{ .max_entries = 1 << 20 }) linksection(".maps") = .{};

export fn prog(skb: *bpf.SkBuff) linksection("socket") c_int {
    var ip: Ip = undefined;
    bpf.packet.load(skb, 14, &ip) catch return 0;
    if (ip.version_length >> 4 != 4) return 0;
    const event = events.reserve() orelse return 0;
    event.* = .{
        .source = ip.source,
        .target = ip.target,
        .length = skb.len,
        .total = @byteSwap(ip.total),
        .protocol = ip.protocol,
        .ttl = ip.ttl,
    };
    events.submit(event);
    return 0;
}
