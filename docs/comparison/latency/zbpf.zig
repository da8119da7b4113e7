const std = @import("std");
const bpf = @import("bpf");
const helpers = std.os.linux.BPF.kern.helpers;

var counts = bpf.Map.ArrayMap("counts", u64, 64, 0).init();
var starts = bpf.Map.HashMap("starts", u32, u64, 10240, 0).init();

const target = bpf.Kprobe{ .name = "vfs_read" };

export fn enter() linksection(target.entry_section()) callconv(.c) c_long {
    starts.update(.any, @truncate(helpers.get_current_pid_tgid()), helpers.ktime_get_ns());
    return 0;
}

export fn leave() linksection(target.exit_section()) callconv(.c) c_long {
    const thread: u32 = @truncate(helpers.get_current_pid_tgid());
    const start = starts.lookup(thread) orelse return 0;
    record(helpers.ktime_get_ns() -% start.*);
    starts.delete(thread);
    return 0;
}

fn record(value: u64) void {
    var slot: u32 = 0;
    var rest = value;
    while (rest > 1 and slot < 63) : (slot += 1) rest >>= 1;
    if (counts.lookup(slot)) |count| _ = @atomicRmw(u64, count, .Add, 1, .monotonic);
}
