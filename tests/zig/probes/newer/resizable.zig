//! A hash table that grows with what it holds.

const bpf = @import("bpf");

pub const programs = .{ .count = "socket" };

export var lengths: bpf.ResizableHash(u32, u64, 1 << 20) linksection(".maps") = .{};

pub fn count(ctx: *bpf.SkBuff) !void {
    const key = ctx.len;
    if (lengths.lookup(&key)) |value| {
        value.* += 1;
    } else try lengths.update(&key, &1, bpf.ANY);
}
