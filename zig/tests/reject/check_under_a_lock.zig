//! refuses: a safety check may fail here while
const bpf = @import("bpf");
pub const programs = .{ .count = "tc" };
const Value = extern struct { lock: bpf.SpinLock, reserved: u32, total: u64 };
export var values: bpf.Array(Value, 1) linksection(".maps") = .{};
pub fn count(ctx: *bpf.SkBuff) void {
    const value = values.lookup(0) orelse return;
    bpf.spin.lock(&value.lock);
    value.total += ctx.len;
    bpf.spin.unlock(&value.lock);
}
