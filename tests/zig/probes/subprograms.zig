//! Functions that are not inlined: of their own section, of `.text`, calling each other.

const bpf = @import("bpf");

export var calls: bpf.PerCpuArray(u64, 2) linksection(".maps") = .{};
export var scale: u64 linksection(".rodata") = 3;

noinline fn count(index: u32) void {
    if (calls.lookup(index)) |found| found.* += 1;
}

noinline fn scaled(value: u64) u64 {
    count(0);
    return value *% scale;
}

noinline fn sum(first: u64, second: u64) u64 {
    count(1);
    return scaled(first) +% scaled(second);
}

export fn one(ctx: *bpf.SkBuff) linksection("socket") c_int {
    return @truncate(@as(i64, @bitCast(sum(ctx.len, 1))));
}

export fn two(ctx: *bpf.SkBuff) linksection("socket") c_int {
    return @truncate(@as(i64, @bitCast(scaled(ctx.len))));
}

export fn three(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const first = bpf.packet.at(u8, ctx, 0) orelse return bpf.XDP.ABORTED;
    return if (scaled(first.*) == 6) bpf.XDP.DROP else bpf.XDP.PASS;
}
