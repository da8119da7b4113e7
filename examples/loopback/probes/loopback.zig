//! One event for every packet that the filtered socket sees.

const std = @import("std");
const bpf = @import("bpf");

const Packet = extern struct {
    time: u64,
    length: u32,
    protocol: u32,
};

export var events: bpf.PerfEventArrayOf(Packet) linksection(".maps") = .{};

export fn watch(ctx: *bpf.SkBuff) linksection("socket") c_int {
    const packet: Packet = .{
        .time = bpf.ktime_get_ns(),
        .length = ctx.len,
        .protocol = std.mem.bigToNative(u16, @truncate(ctx.protocol)),
    };
    events.output(ctx, &packet) catch {};
    return 0;
}
