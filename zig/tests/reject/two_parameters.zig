//! refuses: program 'watch' of section 'xdp': a program has one parameter, its context, or none
const bpf = @import("bpf");
pub const programs = .{ .watch = "xdp" };
pub fn watch(_: *bpf.XdpMd, _: u32) void {}
