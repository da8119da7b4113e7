const bpf = @import("bpf");

pub const programs = .{ .enter = "raw_tp/sys_enter" };

export var counts: bpf.CounterBy(u32, 10240) linksection(".maps") = .{};

pub fn enter() !void {
    const pid = bpf.process.pid();
    try counts.add(&pid, 1);
}
