//! What the kernel defines and a probe only names: configuration, variables and functions.

const marker = @import("marker.zig");

/// A value of the kernel's configuration, or one that the loader computes:
/// `bpf.kconfig(u32, "CONFIG_HZ")`, `bpf.kconfig(u32, "LINUX_KERNEL_VERSION")`,
/// `bpf.kconfig(bool, "CONFIG_PREEMPT")`. Loading fails where the kernel has no such option.
pub inline fn kconfig(comptime Type: type, comptime name: []const u8) Type {
    return kconfigPointer(Type, name, false).*;
}

/// The same, zero where the kernel has no such option.
pub inline fn weakKconfig(comptime Type: type, comptime name: []const u8) Type {
    return kconfigPointer(Type, name, true).*;
}

inline fn kconfigPointer(comptime Type: type, comptime name: []const u8, comptime weak: bool) *const Type {
    @setRuntimeSafety(false);
    comptime if (!isConfiguration(name)) @compileError("'" ++ name ++ "' is no CONFIG_ or LINUX_ name");
    return asm (binding(name, weak) ++ "1: %[address] = " ++ name ++ " ll" ++ marker.external("kconfig " ++ name ++ " " ++ marker.describe(Type))
        : [address] "=r" (-> *const Type),
    );
}

/// The address of a kernel symbol, of which nothing but the address is known:
/// `bpf.ksym("bpf_prog_fops")`. Null where the kernel has no such symbol.
pub inline fn ksym(comptime name: []const u8) ?*const anyopaque {
    @setRuntimeSafety(false);
    return asm (binding(name, true) ++ "1: %[address] = " ++ name ++ " ll" ++ marker.external("ksym " ++ name ++ " v")
        : [address] "=r" (-> ?*const anyopaque),
    );
}

/// A kernel function (kfunc) by name and Zig prototype; call what it returns:
/// `bpf.kfunc("bpf_task_from_pid", fn (i32) callconv(.c) ?*task_struct)(pid)`.
/// Loading fails where the kernel has no such function. Linux 5.13.
pub inline fn kfunc(comptime name: []const u8, comptime Prototype: type) *const Prototype {
    asm volatile ("1:" ++ marker.external("kfunc " ++ name ++ marker.prototype(Prototype)));
    return @extern(*const Prototype, .{ .name = name });
}

/// Whether the kernel has a function; code behind it may call the function through `kfunc` on any
/// kernel: `if (bpf.kfuncExists("x", X)) bpf.kfunc("x", X)();`.
pub inline fn kfuncExists(comptime name: []const u8, comptime Prototype: type) bool {
    return asm (binding(name, true) ++ "1: %[address] = " ++ name ++ " ll" ++ marker.external("kfunc " ++ name ++ marker.prototype(Prototype))
        : [address] "=r" (-> u64),
    ) != 0;
}

fn binding(comptime name: []const u8, comptime weak: bool) []const u8 {
    return if (weak) ".weak " ++ name ++ "\n" else "";
}

fn isConfiguration(comptime name: []const u8) bool {
    const std = @import("std");
    return std.mem.startsWith(u8, name, "CONFIG_") or std.mem.startsWith(u8, name, "LINUX_");
}
