//! Arguments by the contexts of system calls and of statically defined probes.

const bpf = @import("bpf");

pub const programs = .{ .enter = "ksyscall/copy_file_range", .leave = "kretsyscall/copy_file_range", .passed = "usdt" };

export var watched: u32 linksection(".rodata") = 0;

// copy_file_range(2): six arguments, of which the kernel wraps all.
export var arguments: [6]u64 = @splat(0);
export var result: i64 = 0;

pub fn enter(ctx: *const bpf.Syscall) void {
    if (bpf.process.pid() != watched) return;
    arguments = .{ @bitCast(@as(i64, ctx.argAs(i32, 0))), ctx.arg(1), @bitCast(@as(i64, ctx.argAs(i32, 2))), ctx.arg(3), ctx.arg(4), ctx.argAs(u32, 5) };
}

pub fn leave(ctx: *const bpf.Syscall) void {
    if (bpf.process.pid() == watched) result = ctx.result();
}

const Passed = extern struct { first: i32, count: u32, second: u64, cookie: u64 };
export var seen: bpf.RingBuf(Passed) linksection(".maps") = .{};

pub fn passed(ctx: *const bpf.Usdt) !void {
    const event = seen.reserve() orelse return error.Full;
    event.count = try ctx.count();
    event.cookie = try ctx.cookie();
    event.first = try ctx.argAs(i32, 0);
    event.second = ctx.arg(1) catch |reason| if (reason == error.NotFound) 0 else return reason;
    seen.submit(event);
}
