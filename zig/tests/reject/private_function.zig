//! refuses: programs.watch: there is no such function, or it is not `pub`
const bpf = @import("bpf");
pub const programs = .{ .watch = "xdp" };
fn watch() void {}
