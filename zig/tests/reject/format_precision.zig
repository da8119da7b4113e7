//! refuses: the format "at %#x" has %#, which the kernel does not print
//! advises: with a width (%08x), but no # and no precision
const bpf = @import("bpf");
pub const programs = .{ .watch = "xdp" };
pub fn watch() void {
    bpf.printk("at %#x", .{@as(u32, 1)});
}
