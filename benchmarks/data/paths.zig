//! The start-up probe with CO-RE: ten relocations in four structs of the kernel.

const bpf = @import("bpf");

const mm_struct = extern struct { start_code: u64, total_vm: u64 };
const task_struct = extern struct {
    tgid: i32,
    prio: i32,
    start_time: u64,
    real_parent: *task_struct,
    se: extern struct { sum_exec_runtime: u64 },
    mm: *mm_struct,
};

export var seen: bpf.Array(u64, 1) linksection(".maps") = .{};

export fn sample(_: *const bpf.PerfEvent) linksection("perf_event") c_int {
    const found = seen.lookup(0) orelse return 0;
    const task = bpf.core.currentTask(task_struct);
    var sum: u64 = bpf.core.read(task, "start_time");
    sum +%= bpf.core.read(task, "se.sum_exec_runtime");
    sum +%= bpf.core.read(task, "mm.start_code");
    sum +%= bpf.core.read(task, "mm.total_vm");
    sum +%= @as(u32, @bitCast(bpf.core.read(task, "tgid")));
    sum +%= @as(u32, @bitCast(bpf.core.read(task, "prio")));
    sum +%= @as(u32, @bitCast(bpf.core.read(task, "real_parent.tgid")));
    found.* = sum;
    return 0;
}
