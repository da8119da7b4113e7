//! refuses: takes 0 arguments, and 1 are given; conversions are the kernel's, not Zig's: %d or %u for {d} and {}
const bpf = @import("bpf");
pub const programs = .{ .watch = "xdp" };
pub fn watch() void {
    bpf.printk("pid {d}", .{bpf.process.pid()});
}
