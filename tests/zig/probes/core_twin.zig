//! The requests of core_twin.c in Zig: both must ask the same of the kernel.

const bpf = @import("bpf");
const core = bpf.core;

const mm_struct = extern struct { start_code: u64 };
const sched_entity = extern struct { sum_exec_runtime: u64 };
const task_struct = extern struct {
    pid: i32,
    tgid: i32,
    real_parent: *task_struct,
    mm: *mm_struct,
    comm: bpf.Text(16),
    se: sched_entity,
    sched_reset_on_fork: core.Bits(u32, 1),
};
const task_struct___old = extern struct { state: i64 };
const bpf_map_type = enum(u32) { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_RINGBUF = 27 };

export var out: [16]u64 = @splat(0);

export fn ask(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    out[0] = core.offset(task_struct, "pid");
    out[1] = core.offset(task_struct, "se.sum_exec_runtime");
    out[2] = core.offset(task_struct, "comm[3]");
    out[3] = core.size(task_struct, "comm");
    out[4] = @intFromBool(core.exists(task_struct, "tgid"));
    out[5] = @intFromBool(core.exists(task_struct___old, "state"));
    out[6] = @intFromBool(core.isSigned(task_struct, "pid"));
    out[7] = core.leftShift(task_struct, "sched_reset_on_fork");
    out[8] = core.rightShift(task_struct, "sched_reset_on_fork");
    out[9] = @intFromBool(core.typeExists(mm_struct));
    out[10] = core.typeSize(task_struct);
    out[11] = @intFromBool(core.typeMatches(mm_struct));
    out[12] = core.typeId(mm_struct);
    out[13] = core.enumValue(bpf_map_type.BPF_MAP_TYPE_RINGBUF);
    out[14] = @intFromBool(core.enumExists(bpf_map_type.BPF_MAP_TYPE_HASH));
    out[15] = core.offset(task_struct, "real_parent");
    return 0;
}
