//! refuses: program 'length' of section 'sk_skb/stream_parser': it must return a value, for none is neutral: i32, also behind `!`
const bpf = @import("bpf");
pub const programs = .{ .length = "sk_skb/stream_parser" };
pub fn length(_: *bpf.SkBuff) void {}
