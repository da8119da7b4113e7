//! The requests of core_twin.c in Zig: both must ask the same of the kernel.

const bpf = @import("bpf");
const core = bpf.core;

const list_head = extern struct { next: *list_head, prev: *list_head };
const hlist_node = extern struct { next: *hlist_node };
const hlist_head = extern struct { first: ?*hlist_node };
const hlist_head___other = extern struct { first: *list_head };
const cpumask = extern struct { bits: [1]u64 };
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
    in_execve: core.Bits(u32, 1),
    pid_links: [4]hlist_node,
    flags: u64, // of 4 bytes in the kernel: the load is made narrower
    cpus_mask: cpumask,
    never_was: i32,
};
const task_struct___old = extern struct { state: i64 };
const task_struct___new = extern struct { __state: u32 };
const sk_buff = extern struct { len: u32, pkt_type: core.Bits(u8, 3), ip_summed: core.Bits(u8, 2) };
const perf_event_attr = extern struct { precise_ip: core.Bits(u64, 2) };
const page = extern struct { lru: list_head };
const bpf_attr = extern union { map_type: u32, prog_type: u32, attach_type: u32 };
const pt_regs___amd64 = extern struct { di: u64 };
const pt_regs___arm64 = extern struct { regs: [31]u64 };
const pt_regs___s390x = extern struct { gprs: [16]u64 };
const no_such_type = extern struct { x: i32 };
const bpf_map_type = enum(u32) { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_RINGBUF = 27 };

const vm_event_item = enum(u32) { PGFAULT = 3, NR_NEVER = 4 };
const perf_callchain_context = enum(u64) { PERF_CONTEXT_KERNEL = 0xffffffffffffff80, PERF_CONTEXT_NEVER = 1 };
const pid_type = enum(u32) { PIDTYPE_PID = 7, PIDTYPE_SID = 8 };

const pid_t = core.Typedef("pid_t", i32);
const pid_t___wide = core.Typedef("pid_t___wide", u64);
const u64_t = core.Typedef("u64", u64);
const atomic_t = core.Typedef("atomic_t", extern struct { counter: i32 });
const atomic_t___other = core.Typedef("atomic_t___other", extern struct { counter: *i32 });
const no_such_t = core.Typedef("no_such_t", list_head);
const refcount_t = core.Typedef("refcount_t", refcount_struct);
const refcount_struct = extern struct { refs: extern struct { counter: i32 } };
const zone_stat_t = core.Typedef("zone_stat_t", enum(u32) { NONE = 3 });

export var out: [80]u64 = @splat(0);

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
    out[16] = core.offset(task_struct, "pid_links[2].next");
    out[17] = core.size(task_struct, "pid_links");
    out[18] = core.offset(task_struct, "sched_reset_on_fork");
    out[19] = core.size(task_struct, "in_execve");
    out[20] = core.leftShift(task_struct, "in_execve");
    out[21] = core.rightShift(task_struct, "in_execve");
    out[61] = core.size(task_struct, "cpus_mask");
    return 0;
}

export fn others(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    out[22] = @intFromBool(core.exists(task_struct___new, "__state"));
    out[23] = core.offset(sk_buff, "pkt_type");
    out[24] = core.size(sk_buff, "pkt_type");
    out[25] = core.leftShift(sk_buff, "ip_summed");
    out[26] = core.rightShift(sk_buff, "ip_summed");
    out[27] = @intFromBool(core.isSigned(sk_buff, "ip_summed"));
    out[28] = core.offset(perf_event_attr, "precise_ip");
    out[29] = core.leftShift(perf_event_attr, "precise_ip");
    out[30] = core.rightShift(perf_event_attr, "precise_ip");
    out[31] = core.offset(page, "lru.prev");
    out[32] = core.offset(bpf_attr, "prog_type");
    out[33] = core.offset(bpf_attr, "attach_type");
    out[34] = core.typeSize(bpf_attr);
    out[35] = @intFromBool(core.exists(pt_regs___amd64, "di"));
    out[36] = @intFromBool(core.exists(pt_regs___arm64, "regs"));
    out[37] = @intFromBool(core.exists(pt_regs___s390x, "gprs"));
    out[38] = core.enumValue(vm_event_item.PGFAULT);
    out[39] = core.enumValue(perf_callchain_context.PERF_CONTEXT_KERNEL);
    out[40] = @intFromBool(core.enumExists(perf_callchain_context.PERF_CONTEXT_KERNEL));
    out[41] = @intFromBool(core.typeMatches(hlist_head));
    out[42] = @intFromBool(core.typeMatches(hlist_head___other));
    out[43] = @intFromBool(core.typeMatches(list_head));
    out[44] = @intFromBool(core.typeMatches(pid_type));
    out[45] = @intFromBool(core.typeExists(bpf_attr));
    out[46] = core.localTypeId(task_struct);
    return 0;
}

/// What no kernel has: asked for behind the question whether it is there, and where 0 is the answer.
export fn lacking(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    out[47] = @intFromBool(core.typeExists(no_such_type));
    out[48] = core.typeSize(no_such_type);
    out[49] = core.typeId(no_such_type);
    out[50] = @intFromBool(core.typeMatches(no_such_type));
    if (core.exists(task_struct, "never_was")) {
        out[51] = core.offset(task_struct, "never_was");
        out[52] = core.size(task_struct, "never_was");
        out[53] = @intFromBool(core.isSigned(task_struct, "never_was"));
    }
    if (core.enumExists(vm_event_item.NR_NEVER)) out[54] = core.enumValue(vm_event_item.NR_NEVER);
    if (core.enumExists(perf_callchain_context.PERF_CONTEXT_NEVER)) {
        out[55] = core.enumValue(perf_callchain_context.PERF_CONTEXT_NEVER);
    }
    return 0;
}

/// Names that the kernel has as typedefs only.
export fn typedefs(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    out[62] = @intFromBool(core.typeExists(pid_t));
    out[63] = core.typeSize(pid_t);
    out[64] = @intFromBool(core.typeMatches(pid_t));
    out[65] = @intFromBool(core.typeMatches(pid_t___wide));
    out[66] = core.typeSize(u64_t);
    out[67] = core.typeId(atomic_t);
    out[68] = core.typeSize(atomic_t);
    out[69] = @intFromBool(core.typeMatches(atomic_t));
    out[70] = @intFromBool(core.typeMatches(atomic_t___other));
    out[71] = core.offset(atomic_t, "counter");
    out[72] = @intFromBool(core.exists(atomic_t, "counter"));
    out[73] = @intFromBool(core.typeExists(no_such_t));
    out[74] = core.typeSize(refcount_t);
    out[75] = @intFromBool(core.typeMatches(refcount_t));
    out[76] = core.size(refcount_t, "refs");
    out[77] = core.localTypeId(atomic_t);
    out[78] = @intFromBool(core.typeMatches(zone_stat_t));
    return 0;
}

const Switch = extern struct { preempt: u64, previous: *task_struct, next: *task_struct };

export fn loads(ctx: *const Switch) linksection("tp_btf/sched_switch") c_int {
    const task = ctx.previous;
    out[56] = @bitCast(@as(i64, core.load(task, "pid")));
    out[57] = core.load(task, "flags");
    out[58] = @bitCast(@as(i64, core.load(task, "real_parent.tgid")));
    out[59] = core.load(task, "se.sum_exec_runtime");
    if (core.exists(task_struct, "never_was")) out[60] = @bitCast(@as(i64, core.load(task, "never_was")));
    return 0;
}
