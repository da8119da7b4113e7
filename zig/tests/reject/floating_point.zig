//! refuses: is not supported
//! advises: BPF has no floating point
const bpf = @import("bpf");
pub const programs = .{ .scale = "raw_tp/sys_enter" };
export var scaled: u64 = 0;
pub fn scale(ctx: *bpf.RawTracepoint) void {
    const value: f64 = @floatFromInt(ctx.args[0]);
    scaled = @intFromFloat(value * 1.5);
}
