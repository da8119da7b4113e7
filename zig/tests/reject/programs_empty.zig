//! refuses: `pub const programs = .{ .drop = "xdp" };` names functions and their sections
//! refuses: programs_empty.zig:5: Zig could not compile
const bpf = @import("bpf");

pub const programs = .{};
pub fn go() void {}
