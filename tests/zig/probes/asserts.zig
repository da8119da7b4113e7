//! Checks that the standard library makes for the author: the author's line counts.

const std = @import("std");
const bpf = @import("bpf");

export fn prog(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const bytes = bpf.packet.at([4]u8, ctx, 0) orelse return bpf.XDP.ABORTED;
    std.debug.assert(bytes[0] != 1);
    std.debug.assert(bytes[1] != 1);
    return bpf.XDP.TX;
}
