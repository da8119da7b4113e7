//! The cookie of each kind of tracepoint, when this process asks for its own process group.

const bpf = @import("bpf");

const Enter = bpf.Tracepoint(extern struct { number: i64, arguments: [6]u64 });
const SysEnter = extern struct { registers: u64, number: i64 };

export var wanted: u32 linksection(".rodata") = 0;
/// By program: tracepoint, raw tracepoint, typed raw tracepoint.
export var cookies: [3]u64 = @splat(0);

export fn classic(ctx: *const Enter) linksection("tp/raw_syscalls/sys_enter") c_int {
    return keep(0, ctx);
}

export fn raw(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    return keep(1, ctx);
}

export fn typed(ctx: *const SysEnter) linksection("tp_btf/sys_enter") c_int {
    return keep(2, ctx);
}

inline fn keep(comptime index: usize, ctx: anytype) c_int {
    if (bpf.process.pid() == wanted) cookies[index] = bpf.attachCookie(ctx);
    return 0;
}
