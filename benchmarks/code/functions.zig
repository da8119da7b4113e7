//! XDP: three functions that are called, not inlined.

const bpf = @import("bpf");
const Ip = @import("ip.zig").Ip;

export var counts: bpf.PerCpuArray(u64, 4) linksection(".maps") = .{};
export var table: [16]u64 = @splat(0);

noinline fn count(index: u32) void {
    if (counts.lookup(index)) |found| found.* += 1;
}

noinline fn spread(first: u64, second: u64) u64 {
    return (first ^ second >> 3) *% 0x9e3779b97f4a7c15;
}

noinline fn store(index: u64, value: u64) u64 {
    if (index >= table.len) return 0;
    table[index] += value;
    return table[index];
}

export fn prog(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const ip = bpf.packet.at(Ip, ctx, 14) orelse return bpf.XDP.ABORTED;
    count(ip.protocol & 3);
    const hash = spread(ip.source, ip.target);
    return if (store(hash >> 60, ip.ttl) > 1000) bpf.XDP.DROP else bpf.XDP.PASS;
}
