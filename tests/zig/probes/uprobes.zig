//! A user-space function's arguments and result by register, the same on every machine.

const bpf = @import("bpf");

const Call = extern struct { first: u64, second: u32, result: i32, cookie: u64 };

export var calls: bpf.RingBuf(Call) linksection(".maps") = .{};
export var with_cookie: bool linksection(".rodata") = false;

export fn entered(ctx: *const bpf.PtRegs) linksection("uprobe") c_int {
    const call = calls.reserve() orelse return 0;
    call.* = .{
        .first = ctx.arg(0),
        .second = ctx.argAs(u32, 1),
        .result = 0,
        .cookie = if (with_cookie) bpf.attachCookie(ctx) else 0,
    };
    calls.submit(call);
    return 0;
}

export fn returned(ctx: *const bpf.PtRegs) linksection("uretprobe") c_int {
    const call = calls.reserve() orelse return 0;
    call.* = .{ .first = 0, .second = 0, .result = ctx.resultAs(i32), .cookie = 0 };
    calls.submit(call);
    return 0;
}
