const std = @import("std");
const bpf = @import("bpf");
const helpers = std.os.linux.BPF.kern.helpers;

var counts = bpf.Map.HashMap("counts", u32, u64, 10240, 0).init();

export fn count(ctx: *bpf.Xdp.Meta) linksection("xdp") callconv(.c) c_int {
    const kind = ctx.get_ptr([2]u8, 12) orelse return 2;
    if (kind[0] != 8 or kind[1] != 0) return 2;
    const protocol = ctx.get_ptr(u8, 14 + 9) orelse return 2;
    add(protocol.*, 1);
    return 2;
}

fn add(key: u32, amount: u64) void {
    if (counts.lookup(key)) |count| {
        _ = @atomicRmw(u64, count, .Add, amount, .monotonic);
    } else {
        counts.update(.noexist, key, amount);
    }
}
