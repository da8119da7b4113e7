//! Raw tracepoint: fields of the running task by CO-RE, through two pointers.

const bpf = @import("bpf");

const mm_struct = extern struct { start_code: u64 };
const task_struct = extern struct {
    tgid: i32,
    real_parent: *task_struct,
    se: extern struct { sum_exec_runtime: u64 },
    mm: *mm_struct,
    comm: bpf.Text(16),
};

export var pid: i32 = 0;
export var parent: i32 = 0;
export var code: u64 = 0;
export var runs: u64 = 0;
export var command: bpf.Text(16) = @splat(0);

export fn prog(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    const task = bpf.core.currentTask(task_struct);
    pid = bpf.core.read(task, "tgid");
    parent = bpf.core.read(task, "real_parent.tgid");
    code = bpf.core.read(task, "mm.start_code");
    if (bpf.core.read(task, "se.sum_exec_runtime") != 0) runs += 1;
    bpf.core.readInto(task, "comm", &command) catch {};
    return 0;
}
