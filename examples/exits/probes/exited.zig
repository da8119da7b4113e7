//! One event for every thread that ends.

const bpf = @import("bpf");

pub const programs = .{ .exited = "tracepoint/sched/sched_process_exit" };

const Event = extern struct {
    /// Of its process.
    pid: u32,
    command: bpf.Text(16),
};

export var events: bpf.RingBuf(Event) linksection(".maps") = .{};

pub fn exited() void {
    const event = events.reserve() orelse return;
    event.pid = bpf.process.pid();
    bpf.process.command(&event.command);
    events.submit(event);
}
