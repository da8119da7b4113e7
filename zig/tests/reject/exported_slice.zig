//! refuses: exported_slice.zig:6:1: Zig could not compile
//! advises: Export an array of a fixed length
const bpf = @import("bpf");

pub const programs = .{ .go = "xdp" };
export var names: []const u8 = "abc";
pub fn go() void {
    if (names.len == 7) names = "x";
}
