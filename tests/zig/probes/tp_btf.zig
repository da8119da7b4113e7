//! Arguments with the kernel's types, read by plain loads: the verifier knows what they point to.

const bpf = @import("bpf");

const task_struct = extern struct {
    pid: i32,
    tgid: i32,
    comm: [16]u8,
    sched_reset_on_fork: bpf.core.Bits(u32, 1),
    real_parent: ?*const task_struct,
};

/// As the tracepoint's prototype has it; a number takes eight bytes.
const Switch = extern struct { preempt: u64, previous: *const task_struct, next: *const task_struct };

const Event = extern struct { pid: i32, tgid: i32, parent: i32, reset: u32, comm: bpf.Text(4), name: bpf.Text(16) };

export var wanted: i32 linksection(".rodata") = 0;
export var events: bpf.RingBuf(Event) linksection(".maps") = .{};
export var switches: u64 = 0;

export fn see(ctx: *const Switch) linksection("tp_btf/sched_switch") c_int {
    _ = @atomicRmw(u64, &switches, .Add, 1, .monotonic);
    const next = ctx.next;
    const tgid = bpf.core.load(next, "tgid");
    if (tgid != wanted) return 0;
    const event = events.reserve() orelse return 0;
    event.tgid = tgid;
    event.pid = bpf.core.load(next, "pid");
    event.parent = if (bpf.core.load(next, "real_parent")) |parent| bpf.core.load(parent, "tgid") else 0;
    event.reset = bpf.core.load(next, "sched_reset_on_fork");
    event.comm[0] = @bitCast(bpf.core.load(next, "comm[0]"));
    event.comm[1] = @bitCast(bpf.core.load(next, "comm[1]"));
    event.comm[2] = @bitCast(bpf.core.load(next, "comm[2]"));
    event.comm[3] = 0;
    _ = bpf.helpers.probe_read_kernel(&event.name, 16, bpf.core.at(next, "comm"));
    events.submit(event);
    return 0;
}
