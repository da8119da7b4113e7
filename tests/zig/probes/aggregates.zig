//! Every aggregate of the SDK, fed with the bytes and lengths of packets.

const bpf = @import("bpf");

export var packets: bpf.Counter linksection(".maps") = .{};
export var by_length: bpf.CounterBy(u32, 4) linksection(".maps") = .{};
export var sizes: bpf.Hist linksection(".maps") = .{};
export var sizes_by_first: bpf.HistBy(extern struct { first: u32, second: u32 }, 16) linksection(".maps") = .{};
export var stacks: bpf.StackTrace(64) linksection(".maps") = .{};
export var samples: bpf.StackCounter("stacks", 64) linksection(".maps") = .{};

export var refused: u64 = 0;
export var value: u64 = 0; // what is recorded, if it is not 0

export fn count(ctx: *bpf.SkBuff) linksection("socket") c_int {
    packets.add(2);
    const length = ctx.len;
    by_length.add(&length, 3) catch |reason| {
        if (reason == error.NoSpace) refused += 1;
    };
    const recorded = if (value != 0) value else length;
    sizes.record(recorded);
    sizes_by_first.record(&.{ .first = length & 1, .second = 7 }, recorded) catch {};
    return 0;
}

export fn sample(ctx: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    if (bpf.process.pid() == watched) samples.add(ctx, &stacks, 1) catch {};
    return 0;
}

export var watched: u32 linksection(".rodata") = 0;
