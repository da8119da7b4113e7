//! Two programs of one section whose code is the same, with verdicts of their own for failed checks.

const bpf = @import("bpf");

pub const trap_verdicts = .{ .first = bpf.XDP.DROP, .second = bpf.XDP.TX };

export fn first(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    return add(ctx);
}

export fn second(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    return add(ctx);
}

inline fn add(ctx: *bpf.XdpMd) c_int {
    const bytes = bpf.packet.at([4]u8, ctx, 0) orelse return bpf.XDP.ABORTED;
    return bytes[0] + bytes[1]; // overflows above 255
}
