//! Who reads from files, and how much: an argument and the result of a kernel function, on every machine.

const bpf = @import("bpf");

pub const programs = .{ .asked = "kprobe/vfs_read", .got = "kretprobe/vfs_read" };

const Read = extern struct { pid: u32, command: bpf.Text(16), asked: u64, got: i64 };

/// This process only, where it is not 0.
export var only: u32 linksection(".rodata") = 0;
export var sizes: bpf.LruHash(u32, u64, 10240) linksection(".maps") = .{};
export var reads: bpf.RingBuf(Read) linksection(".maps") = .{};

/// ssize_t vfs_read(struct file *file, char *buf, size_t count, loff_t *pos)
pub fn asked(ctx: *const bpf.PtRegs) !void {
    const thread = bpf.process.tid();
    if (only == 0 or bpf.process.pid() == only) try sizes.update(&thread, &ctx.arg(2), bpf.ANY);
}

pub fn got(ctx: *const bpf.PtRegs) void {
    const thread = bpf.process.tid();
    const size = sizes.lookup(&thread) orelse return;
    defer sizes.delete(&thread) catch {};
    const read = reads.reserve() orelse return;
    read.* = .{ .pid = bpf.process.pid(), .command = undefined, .asked = size.*, .got = ctx.resultAs(i64) };
    bpf.process.command(&read.command);
    reads.submit(read);
}
