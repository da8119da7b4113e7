const bpf = @import("bpf");

pub const programs = .{ .started = "tracepoint/sched/sched_process_exec" };

const Event = extern struct { pid: u32, parent: i32, command: bpf.Text(16) };
const task_struct = extern struct { tgid: i32, real_parent: *task_struct };
export var events: bpf.RingBuf(Event) linksection(".maps") = .{};

pub fn started() void {
    const event = events.reserve() orelse return;
    event.pid = bpf.process.pid();
    event.parent = bpf.core.read(bpf.core.currentTask(task_struct), "real_parent.tgid");
    bpf.process.command(&event.command);
    events.submit(event);
}
