//! A program that compiles and that the verifier must refuse, on a known line.

const bpf = @import("bpf");

export var table: bpf.Array(u64, 4) linksection(".maps") = .{};

export fn prog(ctx: *bpf.SkBuff) linksection("socket") c_int {
    const found: *u64 = table.lookup(ctx.len) orelse @ptrFromInt(8);
    found.* += 1; // the verifier refuses this line
    return 0;
}
