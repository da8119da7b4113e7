const bpf = @import("bpf");

pub const programs = .{ .ended = "tp_btf/sched_process_exit" };

const Event = extern struct { pid: i32, code: i32, command: bpf.Text(16) };
const task_struct = extern struct { pid: i32, tgid: i32, exit_code: i32 };
export var events: bpf.RingBuf(Event) linksection(".maps") = .{};

pub fn ended(ctx: *const extern struct { task: *const task_struct }) void {
    const task = ctx.task;
    if (bpf.core.load(task, "pid") != bpf.core.load(task, "tgid")) return; // a thread
    const event = events.reserve() orelse return;
    event.pid = bpf.core.load(task, "pid");
    event.code = bpf.core.load(task, "exit_code") >> 8;
    bpf.process.command(&event.command);
    events.submit(event);
}
