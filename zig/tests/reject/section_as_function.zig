//! refuses: section_as_function.zig:6: Zig could not compile
//! advises: Rename the function, and the section stays: `pub const programs = .{ .pass_all = "xdp" };`
const bpf = @import("bpf");

pub const programs = .{ .xdp = "xdp" };
pub fn xdp() void {}
