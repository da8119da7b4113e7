//! Producers for the benchmarks: what Python and C read from the same buffers and maps.

const bpf = @import("bpf");

const Event = extern struct { number: u64, time: u64, pid: u32, cpu: u32, a: u64, b: u64, c: u64, d: u64, e: u64 };
const Head = extern struct { number: u64, time: u64 };
const Long = extern struct { head: Head, rest: [10]u64 };

export var events: bpf.RingBuf(Event).with(.{ .max_entries = 16 << 20 }) linksection(".maps") = .{};
export var sizes: bpf.RingBuf(Head).with(.{ .max_entries = 16 << 20 }) linksection(".maps") = .{};
export var table: bpf.Hash(u64, u64, 1 << 20) linksection(".maps") = .{};
export var numbers: bpf.Array(u64, 1 << 20).with(.{ .flags = 1 << 10 }) linksection(".maps") = .{};
export var each: bpf.PerCpuArray(u64, 4096) linksection(".maps") = .{};

export var number: u64 = 0;

export fn uniform(_: *bpf.SkBuff) linksection("socket") c_int {
    const event = events.reserve() orelse return 0;
    number +%= 1;
    event.number = number;
    event.time = bpf.ktime_get_ns();
    event.pid = 1;
    event.cpu = 2;
    events.submit(event);
    return 0;
}

/// 64, 96 and 40 bytes by turns.
export fn mixed(_: *bpf.SkBuff) linksection("socket") c_int {
    number +%= 1;
    var record: Long = .{ .head = .{ .number = number, .time = 0 }, .rest = @splat(0) };
    const buffer: *anyopaque = @constCast(&sizes);
    _ = switch (number % 3) {
        0 => bpf.helpers.ringbuf_output(buffer, &record, 64, 0),
        1 => bpf.helpers.ringbuf_output(buffer, &record, 96, 0),
        else => bpf.helpers.ringbuf_output(buffer, &record, 40, 0),
    };
    return 0;
}

/// One of eight is discarded.
export fn discarding(_: *bpf.SkBuff) linksection("socket") c_int {
    const event = events.reserve() orelse return 0;
    number +%= 1;
    event.number = number;
    if (number % 8 == 0) events.discard(event) else events.submit(event);
    return 0;
}
