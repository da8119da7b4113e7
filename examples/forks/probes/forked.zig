//! One event for every process that another one starts.

const bpf = @import("bpf");

pub const programs = .{ .forked = "tracepoint/sched/sched_process_fork" };

const Event = extern struct {
    /// Of the one that forks.
    pid: u32,
    command: bpf.Text(16),
};

export var events: bpf.RingBuf(Event) linksection(".maps") = .{};

pub fn forked() void {
    const event = events.reserve() orelse return;
    event.pid = bpf.process.pid();
    bpf.process.command(&event.command);
    events.submit(event);
}
