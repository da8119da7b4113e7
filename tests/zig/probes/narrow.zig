//! Indexes that are computed in few bits, or of which LLVM knows that they are small enough.

const bpf = @import("bpf");

export var table: [64]u8 = numbered(64);
export var ten: [10]u8 = numbered(10);

fn numbered(comptime count: u8) [count]u8 {
    var made: [count]u8 = undefined;
    for (&made, 0..) |*value, n| value.* = n;
    return made;
}

inline fn bytes(ctx: *bpf.XdpMd) ?*[4]u8 {
    return bpf.packet.at([4]u8, ctx, 14);
}

export fn add(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const b = bytes(ctx) orelse return -1;
    return table[b[0] + b[1]];
}

export fn subtract(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const b = bytes(ctx) orelse return -1;
    return table[b[0] - b[1]];
}

export fn multiply(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const b = bytes(ctx) orelse return -1;
    return table[b[0] * 3];
}

export fn add_words(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const words = bpf.packet.at([2]u16, ctx, 14) orelse return -1;
    return table[words[0] + words[1]];
}

export fn remainder(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const b = bytes(ctx) orelse return -1;
    return ten[bpf.memory.index(b[0] % ten.len, ten.len)];
}

export fn remainder_of_64(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    return ten[bpf.memory.index(ctx.args[0] % ten.len, ten.len)];
}

export fn zeros(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    return table[bpf.memory.index(@clz(ctx.args[0] | 1), table.len)];
}

export fn failing(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    return table[bpf.memory.index(ctx.args[0], table.len)];
}
