//! Errors that are returned, beside a verdict, while something is held: by the first byte of a packet.

const bpf = @import("bpf");

pub const programs = .{ .several = "xdp", .again = "xdp", .called = "xdp", .nested = "xdp", .rounds = "xdp", .chosen = "cgroup_skb/egress" };

const Event = extern struct { first: u64, second: u64 };

export var events: bpf.RingBuf(Event) linksection(".maps") = .{};
export var others: bpf.RingBuf(u64) linksection(".maps") = .{};
export var known: bpf.Hash(u32, u64, 16) linksection(".maps") = .{};
export var limit: u64 linksection(".rodata") = 200;

inline fn firstByte(ctx: *const bpf.XdpMd) !u64 {
    const first = bpf.packet.at(u8, ctx, 0) orelse return error.TooShort;
    return first.*;
}

/// The same error with and without a record, one from a function, a verdict of several.
pub fn several(ctx: *const bpf.XdpMd) !bpf.XDP {
    const first = try firstByte(ctx);
    if (first == 1) return error.Early;
    const event = events.reserve() orelse return .drop;
    if (first > limit) return error.TooLarge;
    event.first = bpf.ktime_get_ns();
    if (first == 2) return error.Early;
    event.second = try doubled(first);
    events.submit(event);
    if (first == 4) return error.Early;
    return if (first == 5) .tx else .pass;
}

/// Of two programs the author's function is the same.
pub const again = several;

inline fn doubled(number: u64) !u64 {
    if (number == 3) return error.Three;
    return number * 2;
}

noinline fn check(number: u64) error{ Odd, Large }!void {
    if (number & 1 == 1) return error.Odd;
    if (number > limit) return error.Large;
}

/// Which error it is, is known only when the program runs.
pub fn called(ctx: *const bpf.XdpMd) !bpf.XDP {
    const first = try firstByte(ctx);
    const event = events.reserve() orelse return error.Full;
    try check(first);
    event.* = .{ .first = first, .second = 0 };
    try check(first / 2);
    events.submit(event);
    try check(first / 4);
    return .tx;
}

/// Of two ring buffers, one or both.
pub fn nested(ctx: *const bpf.XdpMd) !bpf.XDP {
    const first = try firstByte(ctx);
    const event = events.reserve() orelse return error.Full;
    if (first > limit) return error.TooLarge;
    const other = others.reserve() orelse return error.Full;
    if (first == 3) return error.Three;
    other.* = first;
    const key: u32 = @intCast(first);
    const found = known.lookup(&key) orelse return error.Unknown;
    others.submit(other);
    if (found.* == 9) return error.Three;
    event.* = .{ .first = first, .second = found.* };
    events.submit(event);
    return .tx;
}

pub fn rounds(ctx: *const bpf.XdpMd) !bpf.XDP {
    const first = try firstByte(ctx);
    for (0..4) |round| {
        const event = events.reserve() orelse return error.Full;
        if (first == round) return error.Here;
        event.* = .{ .first = first, .second = round };
        events.submit(event);
        if (first == 16 + round) return error.Here;
    }
    return .tx;
}

/// Of this kind the verifier wants to know which verdicts there may be.
pub fn chosen(ctx: *bpf.SkBuff) !bpf.Egress {
    const key = ctx.len;
    const found = known.lookup(&key) orelse {
        const first: u64 = 1;
        try known.update(&key, &first, bpf.NOEXIST);
        return .pass;
    };
    const allowed = found.* > 0;
    if (allowed) found.* -= 1;
    limit_seen = bpf.ktime_get_ns();
    return if (allowed) .pass else .drop;
}

export var limit_seen: u64 = 0;
