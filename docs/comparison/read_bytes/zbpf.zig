const std = @import("std");
const bpf = @import("bpf");
const helpers = std.os.linux.BPF.kern.helpers;

var counts = bpf.Map.HashMap("counts", u32, u64, 10240, 0).init();
const target = bpf.Kprobe{ .name = "vfs_read" };

export fn back(ctx: *target.Ctx()) linksection(target.exit_section()) callconv(.c) c_long {
    const read: i64 = @bitCast(ctx.ret());
    if (read > 0) add(@truncate(helpers.get_current_pid_tgid() >> 32), @intCast(read));
    return 0;
}

fn add(key: u32, amount: u64) void {
    if (counts.lookup(key)) |count| {
        _ = @atomicRmw(u64, count, .Add, amount, .monotonic);
    } else {
        counts.update(.noexist, key, amount);
    }
}
