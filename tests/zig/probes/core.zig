//! CO-RE in every form, answered into variables by one raw tracepoint program.

const bpf = @import("bpf");
const core = bpf.core;

const task_struct = extern struct {
    pid: i32,
    tgid: i32,
    prio: i32,
    start_time: u64,
    comm: bpf.Text(16),
    real_parent: *task_struct,
    se: extern struct { sum_exec_runtime: u64 },
    pending: extern struct { signal: extern struct { sig: [1]u64 } },
    sched_reset_on_fork: core.Bits(u32, 1),
    never_there: u32,
    mm: ?*mm_struct,
    thread_pid: ?*pid_,
};
// The array without a length stands before other members: to ask for its elements it must be the last.
const pid_ = extern struct {
    pub const btf = "pid";
    numbers: [0]extern struct { nr: i32 },
    level: u32,
};
const mm_struct = extern struct { start_code: u64, exe_file: ?*anyopaque };
const task_struct___other = extern struct { no_such_member: u64, pid: i32 };
const task_struct___wider = extern struct { pid: i64 };
const task_struct___unsigned = extern struct { pid: u32 };
const task_struct___shorter = extern struct { comm: bpf.Text(8) };
const task_struct___bits = extern struct { sched_reset_on_fork: core.Bits(u32, 2) };
const task_struct___same = extern struct {
    pid: i32,
    comm: bpf.Text(16),
    mm: ?*anyopaque,
    se: extern struct { sum_exec_runtime: u64 },
    sched_reset_on_fork: core.Bits(u32, 1),
};
const no_such_type = extern struct { x: u32 };
const bpf_map_type = enum(u32) { BPF_MAP_TYPE_HASH = 101, BPF_MAP_TYPE_RINGBUF = 102, NO_SUCH_VALUE = 103 };

export var pid: i32 = 0;
export var tgid: i32 = 0;
export var parent: i32 = 0;
export var command: bpf.Text(16) = @splat(0);
export var letter: c_char = 0;
export var text: bpf.Text(16) = @splat(0);
export var start_time: u64 = 0;
export var start_code: u64 = 0;
export var runtime: u64 = 0;
export var reset_on_fork: u32 = 7;
export var pid_exists: bool = false;
export var never_exists: bool = true;
export var flavour_exists: bool = true;
export var comm_size: u64 = 0;
export var task_size: u64 = 0;
export var missing_size: u64 = 1;
export var task_exists: bool = false;
export var missing_exists: bool = true;
export var ring_value: u64 = 0;
export var hash_value: u64 = 0;
export var value_exists: bool = true;
export var is_signed: bool = false;
export var matches: bool = false;
export var members_match: [8]bool = @splat(false);
export var task_id: u64 = 0;
export var pid_offset: u64 = 0;
export var guarded: u32 = 5;
export var level: u32 = 77;
export var root_number: i32 = 0;
export var numbers_offset: u64 = 0;

export fn ask(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    const task = core.currentTask(task_struct);
    pid = core.read(task, "pid");
    tgid = core.read(task, "tgid");
    parent = core.read(task, "real_parent.tgid");
    command = core.read(task, "comm");
    letter = core.read(task, "comm[0]");
    core.readText(task, "comm", &text) catch {};
    start_time = core.read(task, "start_time");
    start_code = core.read(task, "mm.start_code");
    runtime = core.read(task, "se.sum_exec_runtime");
    reset_on_fork = core.read(task, "sched_reset_on_fork");
    pid_exists = core.exists(task_struct, "pid");
    never_exists = core.exists(task_struct, "never_there");
    flavour_exists = core.exists(task_struct___other, "no_such_member");
    comm_size = core.size(task_struct, "comm");
    task_size = core.typeSize(task_struct);
    missing_size = core.typeSize(no_such_type);
    task_exists = core.typeExists(task_struct);
    missing_exists = core.typeExists(no_such_type);
    ring_value = core.enumValue(bpf_map_type.BPF_MAP_TYPE_RINGBUF);
    hash_value = core.enumValue(bpf_map_type.BPF_MAP_TYPE_HASH);
    value_exists = core.enumExists(bpf_map_type.NO_SUCH_VALUE);
    is_signed = core.isSigned(task_struct, "pid");
    matches = core.typeMatches(mm_struct);
    const asked = .{
        task_struct___same, mm_struct,           task_struct___wider, task_struct___unsigned, task_struct___shorter,
        task_struct___bits, task_struct___other, no_such_type,
    };
    inline for (asked, 0..) |Type, place| members_match[place] = core.membersMatch(Type);
    task_id = core.typeId(task_struct);
    pid_offset = core.offset(task_struct, "pid");
    if (core.exists(task_struct, "never_there")) guarded = core.read(task, "never_there");
    root_number = core.read(task, "thread_pid.numbers[0].nr");
    level = core.read(task, "thread_pid.level");
    // Before Linux 6.5 the array is of one element, and there is no second.
    if (core.exists(pid_, "numbers[1]")) numbers_offset = core.offset(pid_, "numbers[1]") - core.offset(pid_, "numbers");
    return 0;
}
