const std = @import("std");
const bpf = @import("bpf");
const helpers = std.os.linux.BPF.kern.helpers;

const Event = extern struct { pid: u32, command: [16]u8, path: [60]u8 };

var events = bpf.Map.RingBuffer("events", 64, 0).init();
const target = bpf.Tracepoint{ .category = "syscalls", .name = "sys_enter_openat" };

export fn opened(ctx: *target.Ctx()) linksection(target.section()) callconv(.c) c_long {
    const record = events.reserve(Event, 0) orelse return 0;
    const event = record.header_ptr;
    event.pid = @truncate(helpers.get_current_pid_tgid() >> 32);
    _ = helpers.get_current_comm(&event.command, event.command.len);
    _ = helpers.probe_read_user_str(&event.path, event.path.len, ctx.filename);
    record.commit();
    return 0;
}
