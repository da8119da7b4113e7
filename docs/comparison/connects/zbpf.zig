const std = @import("std");
const bpf = @import("bpf");
const helpers = std.os.linux.BPF.kern.helpers;

const Event = extern struct { pid: u32, address: [4]u8, port: u16, command: [16]u8 };

var events = bpf.Map.RingBuffer("events", 64, 0).init();
const target = bpf.Kprobe{ .name = "tcp_connect" };

export fn connect(ctx: *target.Ctx()) linksection(target.entry_section()) callconv(.c) c_long {
    const record = events.reserve(Event, 0) orelse return 0;
    const event = record.header_ptr;
    event.pid = @truncate(helpers.get_current_pid_tgid() >> 32);
    const common = &ctx.arg0().__sk_common;
    _ = helpers.probe_read_kernel(&event.address, 4, &common.field0.field1.skc_daddr);
    _ = helpers.probe_read_kernel(&event.port, 2, &common.field2.field1.skc_dport);
    event.port = @byteSwap(event.port);
    _ = helpers.get_current_comm(&event.command, event.command.len);
    record.commit();
    return 0;
}
