//! XDP: packets and bytes by IP protocol, in a per-CPU array.

const bpf = @import("bpf");
const Ip = @import("ip.zig").Ip;

const Seen = extern struct { packets: u64, bytes: u64 };

export var seen: bpf.PerCpuArray(Seen, 256) linksection(".maps") = .{};

export fn prog(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const ip = bpf.packet.at(Ip, ctx, 14) orelse return bpf.XDP.PASS;
    const entry = seen.lookup(ip.protocol) orelse return bpf.XDP.PASS;
    entry.packets += 1;
    entry.bytes += ctx.data_end - ctx.data;
    return bpf.XDP.PASS;
}
