//! refuses: license is text, not comptime_int: `pub const license = "Dual MIT/GPL";`
//! refuses: license_no_text.zig:6: Zig could not compile
const bpf = @import("bpf");

pub const programs = .{ .go = "xdp" };
pub const license = 5;
pub fn go() void {}
