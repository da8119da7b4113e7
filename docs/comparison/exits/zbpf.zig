const std = @import("std");
const bpf = @import("bpf");
const helpers = std.os.linux.BPF.kern.helpers;
const vmlinux = @import("vmlinux");

const Event = extern struct { pid: u32, code: i32, command: [16]u8 };

var events = bpf.Map.RingBuffer("events", 64, 0).init();
const target = bpf.Tracepoint{ .category = "sched", .name = "sched_process_exit" };

export fn ended(_: *target.Ctx()) linksection(target.section()) callconv(.c) c_long {
    const id = helpers.get_current_pid_tgid();
    if (id >> 32 != id & 0xffffffff) return 0;
    const record = events.reserve(Event, 0) orelse return 0;
    const event = record.header_ptr;
    event.pid = @truncate(id);
    const task: *const vmlinux.task_struct = @ptrFromInt(helpers.get_current_task());
    _ = helpers.probe_read_kernel(&event.code, 4, &task.exit_code);
    event.code >>= 8;
    _ = helpers.get_current_comm(&event.command, event.command.len);
    record.commit();
    return 0;
}
