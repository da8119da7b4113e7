//! refuses: has its member 'time' at byte 2, where BPF cannot read 8 bytes at once; order the members by size, the largest first
const bpf = @import("bpf");
const Key = extern struct { port: u16, time: u64 align(2) };
export var seen: bpf.Hash(Key, u64, 16) linksection(".maps") = .{};
