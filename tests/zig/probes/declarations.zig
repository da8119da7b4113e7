//! What the kernel defines, as plain Zig declares it.

const bpf = @import("bpf");
const kernel = @import("kernel/functions.zig");

extern const CONFIG_HZ: u32 linksection(".kconfig");
extern const LINUX_KERNEL_VERSION: u32;
extern const _stext: anyopaque linksection(".ksyms");
const no_option = @extern(?*const u64, .{ .name = "CONFIG_NO_SUCH_OPTION", .linkage = .weak });
const no_variable = @extern(*const kernel.task_struct, .{ .name = "no_such_variable", .linkage = .weak });

pub extern fn bpf_task_from_pid(pid: i32) ?*kernel.task_struct;
pub extern fn bpf_no_such_function(number: u64, read: *const fn (*anyopaque, [*]const u16) callconv(.c) bool) i64;
/// Of no interest to the kernel, though it looks like its functions.
pub extern fn never_called(vector: @Vector(4, u32)) void;

export var hertz: u64 = 0;
export var version: u32 = 0;
export var option: u64 = 9;
export var symbol: u64 = 0;
export var variable: u64 = 9;
export var found_pid: i32 = 0;
export var compared: i32 = 9;
export var wanted: i32 linksection(".rodata") = 1;
export var text: [6:0]u8 linksection(".rodata") = "pyzbpf".*;

/// Exported, so that it is defined: no function of the kernel's.
pub export fn read(_: *anyopaque, numbers: [*]const u16) callconv(.c) bool {
    return @intFromPtr(numbers) != 0;
}

pub export fn ask(_: *anyopaque) linksection("syscall") c_int {
    hertz = CONFIG_HZ;
    version = LINUX_KERNEL_VERSION;
    option = no_option.?.*;
    symbol = @intFromPtr(&_stext);
    variable = @intFromPtr(no_variable);
    if (bpf.kfuncExists("bpf_no_such_function", @TypeOf(bpf_no_such_function))) _ = bpf_no_such_function(1, &read);
    if (bpf.kfuncExists("bpf_strcmp", @TypeOf(kernel.bpf_strcmp))) compared = kernel.bpf_strcmp(&text, &text);
    if (bpf_task_from_pid(wanted)) |task| {
        found_pid = bpf.core.load(task, "pid");
        kernel.bpf_task_release(task);
    }
    return 0;
}
