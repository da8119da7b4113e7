//! refuses: the format "from %pX" has %pX, which the kernel does not print: %p, %px,
const bpf = @import("bpf");
pub const programs = .{ .watch = "xdp" };
pub fn watch() void {
    bpf.printk("from %pX", .{@as(u64, 1)});
}
