//! refuses: takes 13 arguments, and the kernel prints 12 at most
const bpf = @import("bpf");
pub const programs = .{ .watch = "xdp" };
pub fn watch() void {
    bpf.printk("%d %d %d %d %d %d %d %d %d %d %d %d %d", .{ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 });
}
