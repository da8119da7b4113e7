//! XDP: a token bucket for each queue, in arithmetic that is checked.

const bpf = @import("bpf");

const Bucket = extern struct { time: u64, tokens: u64 };
const Order = extern struct { time: u64, size: u32, queue: u32 };

export var limits: bpf.Array(Bucket, 16) linksection(".maps") = .{};
export var rate: u32 linksection(".rodata") = 1000;
export var burst: u64 linksection(".rodata") = 4000000;

export fn prog(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const order = bpf.packet.at(Order, ctx, 16) orelse return bpf.XDP.PASS;
    const bucket = limits.lookup(order.queue & 15) orelse return bpf.XDP.PASS;
    if (order.time > bucket.time) {
        const elapsed = @min(order.time - bucket.time, 0xffffffff);
        bucket.tokens = @min(bucket.tokens + @as(u64, elapsed) * rate / 256, burst);
        bucket.time = order.time;
    }
    const cost = @as(u64, order.size) * 8;
    if (bucket.tokens < cost) return bpf.XDP.DROP;
    bucket.tokens -= cost;
    return bpf.XDP.PASS;
}
