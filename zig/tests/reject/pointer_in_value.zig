//! refuses: is a pointer, which means nothing to user space; use u64
const bpf = @import("bpf");
export var seen: bpf.Hash(u32, extern struct { next: ?*u8, other: *u64 }, 16) linksection(".maps") = .{};
comptime {
    _ = bpf.Array(extern struct { p: *u64 }, 1);
}
