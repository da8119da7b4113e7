//! A scheduler of the kernel (sched_ext, Linux 6.12) that leaves all to it: its beginning and its end may sleep.

const bpf = @import("bpf");

pub const programs = .{ .begin = "struct_ops.s/init", .finish = "struct_ops.s/exit" };
pub const trap_verdicts = .{ .begin = -1, .finish = 0 };

const sched_ext_ops = extern struct {
    init: ?*const anyopaque,
    exit: ?*const anyopaque,
    name: bpf.Text(128),
};

export var pyzbpf: sched_ext_ops linksection(".struct_ops.link") = .{
    .init = bpf.entry(@This(), "begin"),
    .exit = bpf.entry(@This(), "finish"),
    .name = bpf.asText(128, "pyzbpf"),
};

export var begins: u64 = 0;
export var ends: u64 = 0;

pub fn begin() i32 {
    begins += 1;
    return 0;
}

pub fn finish() i32 {
    ends += 1;
    return 0;
}
