//! Many functions at once, by every kind that has it: which by cookie, and whether on the way out.

const bpf = @import("bpf");

const Seen = extern struct { cookie: u64, program: u32, returns: u32 };

export var seen: bpf.RingBuf(Seen) linksection(".maps") = .{};
export var wanted: u32 linksection(".rodata") = 0;

/// Linux 6.10 to 6.19, and since 7.0.
const WithoutContext = fn () callconv(.c) bool;
const WithContext = fn (*const anyopaque) callconv(.c) bool;

inline fn isReturn(ctx: *const bpf.PtRegs) bool {
    if (bpf.kfuncExists("bpf_session_is_return___old", WithoutContext)) return bpf.kfunc("bpf_session_is_return___old", WithoutContext)();
    if (bpf.kfuncExists("bpf_session_is_return___new", WithContext)) return bpf.kfunc("bpf_session_is_return___new", WithContext)(ctx);
    return false;
}

export fn user_in(ctx: *const bpf.PtRegs) linksection("?uprobe.multi") c_int {
    return keep(ctx, 0, false);
}

export fn user_out(ctx: *const bpf.PtRegs) linksection("?uretprobe.multi") c_int {
    return keep(ctx, 1, true);
}

export fn user_both(ctx: *const bpf.PtRegs) linksection("?uprobe.session") c_int {
    return keep(ctx, 2, isReturn(ctx));
}

export fn kernel_in(ctx: *const bpf.PtRegs) linksection("?kprobe.multi") c_int {
    return keep(ctx, 3, false);
}

export fn kernel_out(ctx: *const bpf.PtRegs) linksection("?kretprobe.multi") c_int {
    return keep(ctx, 4, true);
}

export fn kernel_both(ctx: *const bpf.PtRegs) linksection("?kprobe.session") c_int {
    return keep(ctx, 5, isReturn(ctx));
}

inline fn keep(ctx: *const bpf.PtRegs, program: u32, returns: bool) c_int {
    if (bpf.process.pid() != wanted) return 0;
    const event = seen.reserve() orelse return 0;
    event.* = .{ .cookie = bpf.attachCookie(ctx), .program = program, .returns = @intFromBool(returns) };
    seen.submit(event);
    return 0;
}
