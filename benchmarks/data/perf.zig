//! The same record as in ring.zig, through a perf buffer.

const bpf = @import("bpf");

const Event = extern struct { number: u64, time: u64, pid: u32, cpu: u32, a: u64, b: u64, c: u64, d: u64, e: u64 };

export var events: bpf.PerfEventArrayOf(Event) linksection(".maps") = .{};
export var number: u64 = 0;

export fn uniform(ctx: *bpf.SkBuff) linksection("socket") c_int {
    number +%= 1;
    const event: Event = .{ .number = number, .time = 0, .pid = 1, .cpu = 2, .a = 0, .b = 0, .c = 0, .d = 0, .e = 0 };
    events.output(ctx, &event) catch {};
    return 0;
}
