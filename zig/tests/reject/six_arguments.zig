//! refuses: six_arguments.zig:9:14
//! refuses: too many arguments
//! advises: A BPF function takes at most five arguments
const bpf = @import("bpf");
pub const programs = .{ .count = "raw_tp/sys_enter" };
export var sum: u64 = 0;
pub fn count(ctx: *bpf.RawTracepoint) void {
    const a = ctx.args;
    sum = six(a[0], a[1], a[2], a[3], a[4], a[5]);
}
noinline fn six(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) u64 {
    return a ^ (b +% c) ^ (d *% e) ^ f ^ sum;
}
