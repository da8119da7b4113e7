//! Indexes that are computed of a packet's addresses, which the verifier takes for pointers.
const bpf = @import("bpf");

pub const programs = .{ .received = "xdp", .queued = "tc" };

export var lengths: [64]u32 = @splat(0);

pub fn received(ctx: *bpf.XdpMd) bpf.XDP {
    lengths[ctx.data_end - ctx.data] += 1;
    return .pass;
}

pub fn queued(ctx: *bpf.SkBuff) bpf.TC {
    const start = ctx.data;
    const length = ctx.data_end - start;
    if (length < lengths.len) lengths[length] += 1;
    return .ok;
}
