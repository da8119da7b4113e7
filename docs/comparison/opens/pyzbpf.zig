const bpf = @import("bpf");

pub const programs = .{ .opened = "tracepoint/syscalls/sys_enter_openat" };

const trace_event_raw_sys_enter = extern struct { args: [6]c_ulong };
const Event = extern struct { pid: u32, command: bpf.Text(16), path: bpf.Text(60) };
export var events: bpf.RingBuf(Event) linksection(".maps") = .{};

pub fn opened(ctx: *const trace_event_raw_sys_enter) !void {
    const event = events.reserve() orelse return;
    event.pid = bpf.process.pid();
    bpf.process.command(&event.command);
    _ = try bpf.user.readText(bpf.core.load(ctx, "args[1]"), &event.path);
    events.submit(event);
}
