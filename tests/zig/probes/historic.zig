//! The first Zig BPF probe, as short as it was.

const std = @import("std");
const bpf = @import("bpf");
export var events linksection("maps") = bpf.PerfEventArray.init(256, 0);
export fn bpf_prog(ctx: *bpf.SkBuff) linksection("socket1") c_int {
    var time = bpf.ktime_get_ns();
    events.event_output(ctx, bpf.F_CURRENT_CPU, std.mem.asBytes(&time)) catch {};
    return 0;
}
