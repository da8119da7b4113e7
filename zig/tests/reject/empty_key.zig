//! refuses: the key type empty_key.Key of a map has no bytes, and the kernel wants one at least; give it a member, or use u8
const bpf = @import("bpf");
const Key = extern struct {};
export var seen: bpf.Hash(Key, u64, 16) linksection(".maps") = .{};
