//! refuses: the format "at %d" has %d, which prints 32 bits, for a u64; write ll before its letter: %lld, %llu, %llx
const bpf = @import("bpf");
pub const programs = .{ .watch = "xdp" };
pub fn watch() void {
    bpf.printk("at %d", .{bpf.ktime_get_ns()});
}
