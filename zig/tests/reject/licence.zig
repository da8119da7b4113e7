//! refuses: calls bpf_probe_read_kernel(), which the kernel gives to GPL-compatible programs only, and its licence is 'MIT'
//! advises: declare `pub const license = "GPL";`
const bpf = @import("bpf");
pub const license = "MIT";
pub const programs = .{ .watch = "raw_tp/sys_enter" };
export var seen: u64 = 0;
pub fn watch(ctx: *bpf.RawTracepoint) !void {
    seen = try bpf.kernel.read(u64, ctx.args[0]);
}
