//! Functions of the kernel as a file of their own declares them.

const bpf = @import("bpf");

pub const task_struct = extern struct { pid: i32 };

pub extern fn bpf_task_release(task: *task_struct) void;
/// Linux 6.17.
pub extern fn bpf_strcmp(one: [*:0]const u8, other: [*:0]const u8) c_int;

comptime {
    bpf.declare(@This());
}
