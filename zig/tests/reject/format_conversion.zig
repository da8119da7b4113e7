//! refuses: has %f, which the kernel does not print
const bpf = @import("bpf");
pub const programs = .{ .watch = "xdp" };
pub fn watch() void {
    bpf.printk("%f", .{1});
}
