//! Programs that always fail: what the modes without checks make of them must load, too.

const bpf = @import("bpf");

pub const trap_verdicts = .{ .panics = 1, .traps = 2, .divides = 3, .unwraps = 4, .calls = 5, .called_for_nothing = 6, .asks_first = 7, .holds = 8 };

export var before: u64 = 0;
export var records: bpf.RingBuf(u64) linksection(".maps") = .{};

export fn panics(_: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    @panic("always");
}

export fn traps(_: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    @trap();
}

export fn divides(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    var zero: u64 = 0;
    _ = &zero;
    return @intCast(ctx.args[0] / zero);
}

export fn unwraps(_: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    var nobody: ?*c_int = null;
    _ = &nobody;
    return nobody.?.*;
}

noinline fn give_up(value: u64) u64 {
    before +%= value;
    @panic("given up");
}

export fn calls(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    return @intCast(give_up(ctx.args[0]));
}

export fn called_for_nothing(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    _ = give_up(ctx.args[0]);
    return 0;
}

export fn asks_first(_: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    _ = bpf.ktime_get_ns();
    unreachable;
}

export fn holds(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    const record = records.reserve() orelse return 0;
    record.* = ctx.args[0];
    @panic("held");
}
