//! Accesses of the context that the compiler makes of a pointer that has been moved.

const bpf = @import("bpf");

export var seen: [12]u64 = @splat(0);

fn result(value: u64) c_int {
    return @bitCast(@as(u32, @truncate(value)));
}

/// Two accesses that differ in their place only.
export fn chosen(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    return result(if (ctx.args[0] > 4) ctx.args[1] else ctx.args[2]);
}

export fn switched(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    return result(switch (ctx.args[0]) {
        0 => ctx.args[3],
        1 => ctx.args[5],
        2 => ctx.args[7],
        3 => ctx.args[4],
        else => @panic("none of them"),
    });
}

export fn indexed(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    return result(ctx.args[1 + (ctx.args[0] & 7)]);
}

/// The length is that of the verifier's time, not of the compiler's.
export fn looped(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    var sum: u64 = 0;
    for (ctx.args[0..@min(ctx.args[0], 9)]) |argument| sum = sum *% 3 +% argument;
    return result(sum);
}

export fn copied(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    for (&seen, ctx.args) |*place, argument| place.* = argument;
    return 1;
}

noinline fn later(ctx: *const bpf.RawTracepoint, late: bool) u64 {
    return if (late) ctx.args[11] else ctx.args[1];
}

export fn called(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    return result(later(ctx, ctx.args[0] & 1 == 1) *% 2 +% later(ctx, ctx.args[0] & 2 == 2));
}

/// The pointer is wanted again behind the first access.
export fn pair(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    const two: *const [2]u64 = if (ctx.args[0] > 4) ctx.args[2..4] else ctx.args[7..9];
    seen[0] = two[0];
    return result(two[1] -% two[0]);
}

export fn written(skb: *bpf.SkBuff) linksection("tc") c_int {
    const place = if (skb.len > 80) &skb.priority else &skb.mark;
    place.* += 7;
    return 0;
}
