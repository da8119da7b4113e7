//! XDP: the checksum of an IPv4 header, word by word, with options.

const bpf = @import("bpf");

export var good: u64 = 0;
export var bad: u64 = 0;

export fn prog(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const start = bpf.packet.at([20]u8, ctx, 14) orelse return bpf.XDP.PASS;
    const words = @as(usize, start[0] & 15) * 2;
    var sum: u32 = 0;
    for (0..30) |i| {
        if (i >= words) break;
        const word = bpf.packet.at(u16, ctx, 14 + i * 2) orelse return bpf.XDP.DROP;
        sum += word.*;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    if (sum == 0xffff) {
        good += 1;
        return bpf.XDP.PASS;
    }
    bad += 1;
    return bpf.XDP.DROP;
}
