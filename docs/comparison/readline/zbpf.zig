const std = @import("std");
const bpf = @import("bpf");
const helpers = std.os.linux.BPF.kern.helpers;

const Event = extern struct { pid: u32, line: [80]u8 };

var events = bpf.Map.RingBuffer("events", 64, 0).init();
const target = bpf.Uprobe{ .name = "/bin/bash", .func = "readline" };

export fn typed(ctx: *target.Ctx()) linksection(target.exit_section()) callconv(.c) c_long {
    const record = events.reserve(Event, 0) orelse return 0;
    const event = record.header_ptr;
    event.pid = @truncate(helpers.get_current_pid_tgid() >> 32);
    _ = helpers.probe_read_user_str(&event.line, event.line.len, @ptrFromInt(ctx.ret()));
    record.commit();
    return 0;
}
