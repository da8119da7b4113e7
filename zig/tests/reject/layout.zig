//! refuses: has no defined layout; declare it `extern struct`
const bpf = @import("bpf");
export var events: bpf.RingBuf(struct { a: u8, b: u64 }) linksection(".maps") = .{};
