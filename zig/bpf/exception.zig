//! Leaving a program from any depth (Linux 6.7, x86-64 and arm64 with the JIT compiler).

const external = @import("external.zig");

/// End the program, from functions that it calls, too; it returns `value`, which must be one that its kind may.
/// For GPL-compatible programs.
pub inline fn throw(value: u64) noreturn {
    @setRuntimeSafety(false);
    external.kfunc("bpf_throw", fn (u64) callconv(.c) void)(value);
    unreachable;
}
