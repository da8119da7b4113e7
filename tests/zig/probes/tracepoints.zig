//! Tracepoint and raw tracepoint programs that count the system calls of one process.

const bpf = @import("bpf");

const Call = extern struct { number: u64, pid: u32, raw: u32, command: bpf.Text(16) };

export var events: bpf.RingBuf(Call) linksection(".maps") = .{};
export var target: u32 linksection(".rodata") = 0;
export var wanted: u64 linksection(".rodata") = 0;

const Enter = bpf.Tracepoint(extern struct { number: i64, arguments: [6]u64 });

export fn enter(ctx: *Enter) linksection("tracepoint/raw_syscalls/sys_enter") c_int {
    send(@bitCast(ctx.fields.number), 0);
    return 0;
}

export fn raw_enter(ctx: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    send(ctx.args[1], 1);
    return 0;
}

inline fn send(number: u64, raw: u32) void {
    if (bpf.process.pid() != target or number != wanted) return;
    const event = events.reserve() orelse return;
    event.number = number;
    event.pid = target;
    event.raw = raw;
    bpf.process.command(&event.command);
    events.submit(event);
}
