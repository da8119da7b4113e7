//! Ring buffers beside each other: each counts its own losses, and one carries events of several types.

const bpf = @import("bpf");

const Number = extern struct { number: u64 };
const Numbers = bpf.RingBuf(Number).with(.{ .max_entries = 4096 });

export var first: Numbers linksection(".maps") = .{};
export var second: Numbers linksection(".maps") = .{};

/// A file was opened.
const Opened = extern struct { time: u64, path: bpf.Text(8) };
/// A file was closed.
const Closed = extern struct { time: u64, bytes: u32, reserved: u32 = 0 };
/// Nothing but a number, and shorter than the others.
const Failed = extern struct { code: i32 };

const Event = union(enum) { opened: Opened, closed: Closed, failed: Failed };

export var events: bpf.RingBuf(Event).with(.{ .max_entries = 4096 }) linksection(".maps") = .{};

/// As long as what is written.
const Line = extern struct { time: u64, text: [0]u8 };
const Buffer = extern struct { line: Line, text: [32]u8 };
export var lines: bpf.RingBuf(Line).with(.{ .max_entries = 4096 }) linksection(".maps") = .{};

pub const programs = .{
    .to_lines = "socket",
    .to_first = "socket",
    .to_second = "socket",
    .to_either = "socket",
    .send = "socket",
    .send_many = "socket",
};

pub fn to_first(ctx: *bpf.SkBuff) u32 {
    const event = first.reserve() orelse return 0;
    event.number = ctx.len;
    first.submit(event);
    return 1;
}

pub fn to_second(ctx: *bpf.SkBuff) !u32 {
    const ring = &second;
    try ring.output(&.{ .number = ctx.len });
    return 1;
}

/// Only the running program knows which it is.
noinline fn sent(ring: *const Numbers, number: u32) u32 {
    const event = ring.reserve() orelse return 0;
    event.number = number;
    ring.submit(event);
    return 1;
}

pub fn to_either(ctx: *bpf.SkBuff) u32 {
    return sent(&first, ctx.len) + sent(&second, ctx.len);
}

pub fn send(ctx: *bpf.SkBuff) !u32 {
    const opened = events.reserve(.opened) orelse return 0;
    opened.time = 1;
    opened.path = bpf.asText(8, "/tmp");
    events.submit(opened);
    try events.output(.{ .closed = .{ .time = 2, .bytes = ctx.len } });
    const dropped = events.reserve(.closed) orelse return 0;
    events.discard(dropped);
    const failed = events.reserve(.failed) orelse return 0;
    failed.code = -2;
    events.submitAnd(failed, .always);
    return 1;
}

pub fn send_many(ctx: *bpf.SkBuff) u32 {
    const event: Event = switch (ctx.len % 3) {
        0 => .{ .opened = .{ .time = ctx.len, .path = bpf.asText(8, "many") } },
        1 => .{ .closed = .{ .time = ctx.len, .bytes = 1 } },
        else => .{ .failed = .{ .code = 7 } },
    };
    events.output(event) catch return 0;
    return 1;
}

pub fn to_lines(ctx: *bpf.SkBuff) !u32 {
    const buffer: Buffer = .{ .line = .{ .time = 5, .text = .{} }, .text = "0123456789abcdefghijklmnopqrstuv".* };
    try lines.outputPart(&buffer, @sizeOf(Line) + @as(u64, ctx.len -% 64));
    return 1;
}
