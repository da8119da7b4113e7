//! refuses: unsupported signed division
//! advises: BPF has signed division only from CPU v4
const bpf = @import("bpf");
pub const programs = .{ .divide = "socket" };
export var divisor: i32 = 3;
export var quotient: i32 = 0;
pub fn divide(ctx: *bpf.SkBuff) i32 {
    quotient = @divTrunc(@as(i32, @bitCast(ctx.len)), divisor);
    return 0;
}
