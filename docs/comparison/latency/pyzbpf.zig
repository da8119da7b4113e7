const bpf = @import("bpf");

pub const programs = .{ .enter = "kprobe/vfs_read", .leave = "kretprobe/vfs_read" };

export var starts: bpf.LruHash(u32, u64, 10240) linksection(".maps") = .{};
export var values: bpf.Hist linksection(".maps") = .{};

pub fn enter() !void {
    const thread = bpf.process.tid();
    const now = bpf.ktime_get_ns();
    try starts.update(&thread, &now, bpf.ANY);
}

pub fn leave() !void {
    const thread = bpf.process.tid();
    const start = starts.lookup(&thread) orelse return;
    values.record(bpf.ktime_get_ns() - start.*);
    try starts.delete(&thread);
}
