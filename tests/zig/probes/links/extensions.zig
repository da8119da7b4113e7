//! A packet filter whose decision is made by a function that another program can take the place of.

const bpf = @import("bpf");

export var runs: u64 = 0;

export fn filter(ctx: *bpf.SkBuff) linksection("socket") c_int {
    runs += 1;
    return @call(.never_inline, decide, .{ctx});
}

/// Global, so that the verifier checks it by itself, and it can be replaced.
export fn decide(ctx: *bpf.SkBuff) c_int {
    return @intCast(ctx.len & 0xff);
}

export fn other(_: *bpf.SkBuff) linksection("?freplace/decide") c_int {
    return 77;
}
