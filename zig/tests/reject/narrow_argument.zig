//! refuses: argument 'count' of its context has 4 bytes; each argument of a kernel function has eight there: declare it u64 or i64, and cast it
const bpf = @import("bpf");
pub const programs = .{ .watch = "fentry/vfs_read" };
pub fn watch(_: *const extern struct { file: u64, count: u32, position: u32 }) void {}
