const std = @import("std");
const bpf = @import("bpf");

var counts = bpf.Map.ArrayMap("counts", u64, 64, 0).init();

const target = bpf.Tracepoint{ .category = "block", .name = "block_rq_issue" };

export fn issued(ctx: *target.Ctx()) linksection(target.section()) callconv(.c) c_long {
    record(ctx.bytes);
    return 0;
}

fn record(value: u64) void {
    var slot: u32 = 0;
    var rest = value;
    while (rest > 1 and slot < 63) : (slot += 1) rest >>= 1;
    if (counts.lookup(slot)) |count| _ = @atomicRmw(u64, count, .Add, 1, .monotonic);
}
