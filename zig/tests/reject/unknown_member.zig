//! refuses: declares no field 'tgidd'; add it with the kernel's type
const bpf = @import("bpf");
pub const programs = .{ .watch = "raw_tp/sys_enter" };
const task_struct = extern struct { tgid: i32 };
export var seen: i32 = 0;
pub fn watch() void {
    seen = bpf.core.read(bpf.core.currentTask(task_struct), "tgidd");
}
