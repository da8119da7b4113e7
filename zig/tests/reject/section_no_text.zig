//! refuses: programs.go: its section is text, not @EnumLiteral()
//! refuses: section_no_text.zig:5: Zig could not compile
const bpf = @import("bpf");

pub const programs = .{ .go = .xdp };
pub fn go() void {}
