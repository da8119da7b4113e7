//! Failed checks in programs that decide about packets, and the SDK's helpers for parts of arrays.

const bpf = @import("bpf");

pub const trap_verdicts = .{ .dropping = bpf.XDP.DROP };

export var actions: [16]u8 = @splat(1);
export var lengths: [128]u8 = @splat(0);
export var names: [64]u8 = @splat(0);
export var seen: [16]u8 = @splat(0);
export var copied: [16]u8 = @splat(0);

export fn by_first_byte(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const first = bpf.packet.at(u8, ctx, 0) orelse return bpf.XDP.ABORTED;
    return actions[first.*];
}

/// The author's choice instead of the neutral verdict.
export fn dropping(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const first = bpf.packet.at(u8, ctx, 0) orelse return bpf.XDP.ABORTED;
    return actions[first.*] + bpf.XDP.DROP;
}

export fn filter(ctx: *bpf.SkBuff) linksection("socket") c_int {
    lengths[ctx.len] +%= 1;
    return @bitCast(ctx.len);
}

export fn window(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    var result: c_int = 0;
    if (bpf.memory.window(&names, ctx.args[0], 16)) |part| {
        seen = part.*;
        result = 100;
    }
    copied = @splat(0);
    return result + @as(c_int, @intCast(bpf.memory.copy(&copied, &names, ctx.args[0], ctx.args[1])));
}
