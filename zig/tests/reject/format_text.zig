//! refuses: the format "%s" has %s for a u32; it prints text by its address
const bpf = @import("bpf");
pub const programs = .{ .watch = "xdp" };
pub fn watch() void {
    bpf.printk("%s", .{bpf.process.pid()});
}
