const bpf = @import("bpf");

pub const programs = .{ .back = "kretprobe/vfs_read" };

export var counts: bpf.CounterBy(u32, 10240) linksection(".maps") = .{};

pub fn back(ctx: *const bpf.PtRegs) !void {
    const read = ctx.resultAs(i64);
    const pid = bpf.process.pid();
    if (read > 0) try counts.add(&pid, @intCast(read));
}
