const std = @import("std");
const bpf = @import("bpf");
const helpers = std.os.linux.BPF.kern.helpers;
const vmlinux = @import("vmlinux");

const Event = extern struct { pid: u32, parent: i32, command: [16]u8 };

var events = bpf.Map.RingBuffer("events", 64, 0).init();
const target = bpf.Tracepoint{ .category = "sched", .name = "sched_process_exec" };

export fn started(_: *target.Ctx()) linksection(target.section()) callconv(.c) c_long {
    const record = events.reserve(Event, 0) orelse return 0;
    const event = record.header_ptr;
    event.pid = @truncate(helpers.get_current_pid_tgid() >> 32);
    const task: *const vmlinux.task_struct = @ptrFromInt(helpers.get_current_task());
    var parent: *const vmlinux.task_struct = undefined;
    _ = helpers.probe_read_kernel(@ptrCast(&parent), 8, @ptrCast(&task.real_parent));
    _ = helpers.probe_read_kernel(&event.parent, 4, &parent.tgid);
    _ = helpers.get_current_comm(&event.command, event.command.len);
    record.commit();
    return 0;
}
