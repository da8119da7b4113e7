//! Safety checks that fail while something of the kernel's is held: each is given back.

const bpf = @import("bpf");

pub const license = "GPL";
pub const trap_verdicts = .{ .task = -7, .cpumask = -7, .cgroup_of = -7, .range = -7, .rcu = -7, .preempt = -7, .interrupts = -7, .dynptr = -7, .nested = -7, .handed = -7 };

comptime {
    bpf.declare(@This());
}

const Args = extern struct { index: u64, number: u64 };
const task_struct = extern struct { pid: i32 };
const bpf_cpumask = opaque {};
const cgroup = opaque {};

pub extern fn bpf_task_from_pid(pid: i32) ?*task_struct;
pub extern fn bpf_task_release(p: *task_struct) void;
pub extern fn bpf_cpumask_create() ?*bpf_cpumask;
pub extern fn bpf_cpumask_release(cpumask: *bpf_cpumask) void;
pub extern fn bpf_cgroup_from_id(cgid: u64) ?*cgroup;
pub extern fn bpf_cgroup_release(cgrp: *cgroup) void;
pub extern fn bpf_rcu_read_lock() void;
pub extern fn bpf_rcu_read_unlock() void;
pub extern fn bpf_preempt_disable() void;
pub extern fn bpf_preempt_enable() void;
pub extern fn bpf_local_irq_save(flags: *c_ulong) void;
pub extern fn bpf_local_irq_restore(flags: *c_ulong) void;

export var table: [16]u8 = @splat(1);
export var events: bpf.RingBuf(u64) linksection(".maps") = .{};
export var sum: u64 = 0;

export fn task(args: *const Args) linksection("syscall") c_int {
    const index = args.index;
    const found = bpf_task_from_pid(@truncate(@as(i64, @bitCast(args.number)))) orelse return 2;
    table[index] +%= 1;
    bpf_task_release(found);
    return 1;
}

export fn cpumask(args: *const Args) linksection("syscall") c_int {
    const index = args.index;
    const found = bpf_cpumask_create() orelse return 2;
    table[index] +%= 1;
    bpf_cpumask_release(found);
    return 1;
}

export fn cgroup_of(args: *const Args) linksection("syscall") c_int {
    const index = args.index;
    const found = bpf_cgroup_from_id(args.number) orelse return 2;
    table[index] +%= 1;
    bpf_cgroup_release(found);
    return 1;
}

export fn range(args: *const Args) linksection("syscall") c_int {
    var numbers: bpf.Range = undefined;
    numbers.init(0, @truncate(@as(i64, @bitCast(args.number))));
    defer numbers.deinit();
    while (numbers.next()) |number| {
        const at: u64 = @intCast(number);
        table[at + args.index] +%= 1;
    }
    return 1;
}

export fn rcu(args: *const Args) linksection("syscall") c_int {
    const index = args.index;
    bpf_rcu_read_lock();
    table[index] +%= 1;
    bpf_rcu_read_unlock();
    return 1;
}

export fn preempt(args: *const Args) linksection("syscall") c_int {
    const index = args.index;
    bpf_preempt_disable();
    table[index] +%= 1;
    bpf_preempt_enable();
    return 1;
}

export fn interrupts(args: *const Args) linksection("syscall") c_int {
    const index = args.index;
    var flags: c_ulong = undefined;
    bpf_local_irq_save(&flags);
    table[index] +%= 1;
    bpf_local_irq_restore(&flags);
    return 1;
}

export fn dynptr(args: *const Args) linksection("syscall") c_int {
    const index = args.index;
    var record: bpf.types.bpf_dynptr = undefined;
    const full = bpf.helpers.ringbuf_reserve_dynptr(&events, 8, 0, &record);
    table[index] +%= 1;
    bpf.helpers.ringbuf_discard_dynptr(&record, 0);
    return if (full < 0) 2 else 1;
}

/// All at once: what was taken last goes back first.
export fn nested(args: *const Args) linksection("syscall") c_int {
    const index = args.index;
    bpf_rcu_read_lock();
    defer bpf_rcu_read_unlock();
    const found = bpf_task_from_pid(@truncate(@as(i64, @bitCast(args.number)))) orelse return 2;
    defer bpf_task_release(found);
    const mask = bpf_cpumask_create() orelse return 2;
    defer bpf_cpumask_release(mask);
    table[index] +%= 1;
    return 1;
}

noinline fn use(found: *task_struct, index: u64) void {
    table[index] +%= 1;
    bpf_task_release(found);
    sum +%= table[index ^ 2];
}

/// A function that gives back what it is given.
export fn handed(args: *const Args) linksection("syscall") c_int {
    const index = args.index;
    const found = bpf_task_from_pid(@truncate(@as(i64, @bitCast(args.number)))) orelse return 2;
    use(found, index);
    return 1;
}
