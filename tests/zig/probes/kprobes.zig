//! A kernel function's arguments and result by register, the same on every machine.

const bpf = @import("bpf");

const Call = extern struct { number: u64, tgid: u32, mode: u32, clock: i32, result: i32, cookie: u64 };

export var calls: bpf.RingBuf(Call) linksection(".maps") = .{};
export var wanted: u32 linksection(".rodata") = 0;
export var with_cookie: bool linksection(".rodata") = false;

/// int hrtimer_nanosleep(ktime_t rqtp, enum hrtimer_mode mode, clockid_t clockid)
export fn sleeps(ctx: *const bpf.PtRegs) linksection("kprobe/hrtimer_nanosleep") c_int {
    const tgid = bpf.process.pid();
    if (tgid != wanted) return 0;
    const call = calls.reserve() orelse return 0;
    call.* = .{
        .number = ctx.arg(0),
        .tgid = tgid,
        .mode = ctx.argAs(u32, 1),
        .clock = ctx.argAs(i32, 2),
        .result = 0,
        .cookie = if (with_cookie) bpf.attachCookie(ctx) else 0,
    };
    calls.submit(call);
    return 0;
}

export fn woken(ctx: *const bpf.PtRegs) linksection("kretprobe/hrtimer_nanosleep") c_int {
    const tgid = bpf.process.pid();
    if (tgid != wanted) return 0;
    const call = calls.reserve() orelse return 0;
    call.* = .{ .number = 0, .tgid = tgid, .mode = 0, .clock = 0, .result = ctx.resultAs(i32), .cookie = 0 };
    calls.submit(call);
    return 0;
}
