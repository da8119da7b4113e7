//! refuses: A call to built-in function '__multi3' is not supported
//! advises: Use `bpf.mul(a, b)` (of i64 `bpf.mulSigned`), which checks without
const bpf = @import("bpf");
pub const programs = .{ .multiply = "raw_tp/sys_enter" };
export var product: u64 = 0;
pub fn multiply(ctx: *bpf.RawTracepoint) void {
    product = ctx.args[0] * ctx.args[1];
}
