//! Kernel functions by trampoline, and security hooks: arguments with the kernel's types.

const bpf = @import("bpf");

const task_struct = extern struct { tgid: i32 };

/// int hrtimer_nanosleep(ktime_t rqtp, enum hrtimer_mode mode, clockid_t clockid); each takes eight bytes.
const Sleep = extern struct { time: i64, mode: u64, clock: u64 };
const Slept = extern struct { time: i64, mode: u64, clock: u64, result: i64 };

const Call = extern struct { kind: u32, tgid: u32, time: i64, mode: u32, clock: i32, result: i32, padding: u32, cookie: u64 };

export var calls: bpf.RingBuf(Call) linksection(".maps") = .{};
export var wanted: u32 linksection(".rodata") = 0;
export var with_cookie: bool linksection(".rodata") = false;
/// Whether the hook says no: -EPERM.
export var forbidden: bool linksection(".rodata") = false;

export fn entered(ctx: *const Sleep) linksection("fentry/hrtimer_nanosleep") c_int {
    send(1, ctx, 0);
    return 0;
}

export fn left(ctx: *const Slept) linksection("fexit/hrtimer_nanosleep") c_int {
    send(2, ctx, @truncate(ctx.result));
    return 0;
}

/// int task_setnice(struct task_struct *p, int nice), and what programs before this one returned.
const Nice = extern struct { task: *const task_struct, nice: i64, before: i64 };

export fn nicer(ctx: *const Nice) linksection("lsm/task_setnice") c_int {
    if (bpf.core.load(ctx.task, "tgid") != wanted) return 0;
    const call = calls.reserve() orelse return 0;
    call.* = .{ .kind = 3, .tgid = wanted, .time = 0, .mode = 0, .clock = @truncate(ctx.nice), .result = @truncate(ctx.before), .padding = 0, .cookie = 0 };
    calls.submit(call);
    return if (forbidden) -1 else 0;
}

inline fn send(kind: u32, ctx: anytype, result: i32) void {
    if (bpf.process.pid() != wanted) return;
    const call = calls.reserve() orelse return;
    call.* = .{
        .kind = kind,
        .tgid = wanted,
        .time = ctx.time,
        .mode = @truncate(ctx.mode),
        .clock = @bitCast(@as(u32, @truncate(ctx.clock))),
        .result = result,
        .padding = 0,
        .cookie = if (with_cookie) bpf.attachCookie(ctx) else 0,
    };
    calls.submit(call);
}
