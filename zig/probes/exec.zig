//! Every program that is started: its process id, its parent's, and its name.

const bpf = @import("bpf");

const Event = extern struct {
    time: u64,
    pid: u32,
    parent: u32,
    command: bpf.Text(16),
};

/// Child -> parent, for children that have not started a program yet.
export var parents: bpf.LruHash(u32, u32, 16384) linksection(".maps") = .{};
export var events: bpf.RingBuf(Event) linksection(".maps") = .{};

// The child's id is the first field in every kernel that has this tracepoint.
const NewTask = bpf.Tracepoint(extern struct { pid: u32 });

export fn remember(ctx: *NewTask) linksection("tracepoint/task/task_newtask") c_int {
    const child = ctx.fields.pid;
    const parent = bpf.process.pid();
    parents.update(&child, &parent, bpf.ANY) catch {};
    return 0;
}

export fn report(_: *anyopaque) linksection("tracepoint/sched/sched_process_exec") c_int {
    const pid = bpf.process.pid();
    const event = events.reserve() orelse return 0;
    event.time = bpf.ktime_get_ns();
    event.pid = pid;
    event.parent = if (parents.lookup(&pid)) |parent| parent.* else 0;
    bpf.process.command(&event.command);
    events.submit(event);
    return 0;
}
