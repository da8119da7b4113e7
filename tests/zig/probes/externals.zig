//! Kernel configuration, symbols and functions, present and missing.

const bpf = @import("bpf");

const task_struct = extern struct { pid: i32 };
const FromPid = fn (i32) callconv(.c) ?*task_struct;
const Release = fn (*task_struct) callconv(.c) void;
const Missing = fn (u64) callconv(.c) i32;

export var hertz: u64 = 0;
export var version: u32 = 0;
export var preempt: bool = false;
export var missing_option: u32 = 9;
export var symbol: u64 = 0;
export var missing_symbol: u64 = 9;
export var has_missing: bool = true;
export var found_pid: i32 = 0;
export var wanted: i32 linksection(".rodata") = 1;

export fn ask(_: *anyopaque) linksection("syscall") c_int {
    hertz = bpf.kconfig(u32, "CONFIG_HZ");
    version = bpf.kconfig(u32, "LINUX_KERNEL_VERSION");
    preempt = bpf.weakKconfig(bool, "CONFIG_BPF");
    missing_option = bpf.weakKconfig(u32, "CONFIG_NO_SUCH_OPTION");
    symbol = @intFromPtr(bpf.ksym("bpf_prog_fops"));
    missing_symbol = @intFromPtr(bpf.ksym("no_such_symbol_anywhere"));
    has_missing = bpf.kfuncExists("bpf_no_such_kfunc", Missing);
    if (bpf.kfuncExists("bpf_no_such_kfunc", Missing)) found_pid = bpf.kfunc("bpf_no_such_kfunc", Missing)(3);
    if (bpf.kfunc("bpf_task_from_pid", FromPid)(wanted)) |task| {
        found_pid = bpf.core.load(task, "pid");
        bpf.kfunc("bpf_task_release", Release)(task);
    }
    return 0;
}
