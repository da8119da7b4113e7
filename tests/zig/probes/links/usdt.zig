//! The arguments of statically defined probes.

const bpf = @import("bpf");

const Seen = extern struct { cookie: u64, pid: u32, count: u32, arguments: [3]i64 };

export var seen: bpf.RingBuf(Seen) linksection(".maps") = .{};

export fn passed(ctx: *const bpf.Usdt) linksection("usdt") c_int {
    return keep(ctx);
}

export fn may_sleep(ctx: *const bpf.Usdt) linksection("?usdt.s") c_int {
    return keep(ctx);
}

inline fn keep(ctx: *const bpf.Usdt) c_int {
    const event = seen.reserve() orelse return 0;
    event.cookie = ctx.cookie() catch 0;
    event.pid = bpf.process.pid();
    event.count = ctx.count() catch 0;
    inline for (0..3) |index| event.arguments[index] = ctx.argAs(i64, index) catch 0;
    seen.submit(event);
    return 0;
}
