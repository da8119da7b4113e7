//! XDP: 64-bit arithmetic that is meant to wrap, a hash of 32 bytes.

const std = @import("std");
const bpf = @import("bpf");

export var buckets: [64]u64 = @splat(0);

fn mixed(given: u64) u64 {
    var value = given;
    value ^= value >> 30;
    value *%= 0xbf58476d1ce4e5b9;
    value ^= value >> 27;
    value *%= 0x94d049bb133111eb;
    return value ^ value >> 31;
}

export fn prog(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const words = bpf.packet.at([4]u64, ctx, 16) orelse return bpf.XDP.PASS;
    var hash: u64 = 0;
    for (words) |word| hash = mixed(hash +% word +% 0x9e3779b97f4a7c15);
    hash = std.math.rotl(u64, hash, 23) +% hash / 1000003 +% hash % 97;
    buckets[hash >> 58] += 1;
    return if (hash & 1 != 0) bpf.XDP.PASS else bpf.XDP.DROP;
}
