//! refuses: the key type padding_in_key.Key of a map has 4 bytes of padding at its end: they are a part of the key, and nobody sets them; add a member such as `reserved: [4]u8 = @splat(0)`
const bpf = @import("bpf");
const Key = extern struct { address: u64, port: u32 };
export var seen: bpf.Hash(Key, u64, 16) linksection(".maps") = .{};
