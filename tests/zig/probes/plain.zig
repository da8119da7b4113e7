//! Programs as plain functions: contexts, verdicts, and errors that are counted by name.

const bpf = @import("bpf");

pub const programs = .{
    .filter = "xdp",
    .shape = "tc",
    .keep = "socket",
    .nothing = "raw_tp/sys_enter",
    .fails = "socket",
};

export var seen: u64 = 0;
export var table: bpf.Hash(u32, u32, 4) linksection(".maps") = .{};
export var ring: bpf.RingBuf(u64) linksection(".maps") = .{};

pub fn filter(ctx: *bpf.XdpMd) !bpf.XDP {
    const first = bpf.packet.at(u8, ctx, 0) orelse return error.TooShort;
    return switch (first.*) {
        0 => .drop,
        1 => .pass,
        2 => error.Odd,
        3 => error.TooShort,
        else => .tx,
    };
}

pub fn shape(ctx: *const bpf.SkBuff) bpf.TC {
    return if (ctx.len > 60) .shot else .ok;
}

pub fn keep() i32 {
    seen += 1;
    return 17;
}

pub fn nothing() void {}

pub fn fails(ctx: *bpf.SkBuff) !void {
    const event = ring.reserve() orelse return error.RingIsFull;
    const key = ctx.len;
    event.* = (table.lookup(&key) orelse return error.Unknown).*;
    ring.submit(event);
    try table.update(&key, &key, bpf.EXIST);
}
