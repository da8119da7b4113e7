const std = @import("std");
const bpf = @import("bpf");
const helpers = std.os.linux.BPF.kern.helpers;

var counts = bpf.Map.HashMap("counts", u32, u64, 10240, 0).init();

export fn enter() linksection("raw_tracepoint/sys_enter") callconv(.c) c_long {
    add(@truncate(helpers.get_current_pid_tgid() >> 32), 1);
    return 0;
}

fn add(key: u32, amount: u64) void {
    if (counts.lookup(key)) |count| {
        _ = @atomicRmw(u64, count, .Add, amount, .monotonic);
    } else {
        counts.update(.noexist, key, amount);
    }
}
