//! refuses: the format "%d of %d" takes more arguments than the 1 that are given
const bpf = @import("bpf");
pub const programs = .{ .watch = "xdp" };
pub fn watch() void {
    bpf.printk("%d of %d", .{1});
}
