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
/// Loading fails where the kernel has no such function. Linux 5.13. For GPL-compatible programs.
pub inline fn kfunc(comptime name: []const u8, comptime Prototype: type) *const Prototype {
    asm volatile ("1:" ++ marker.external("kfunc " ++ name ++ " " ++ marker.prototype(Prototype)));
    return @extern(*const Prototype, .{ .name = name });
}

/// Whether the kernel has a function; code behind it may call the function through `kfunc` on any
/// kernel: `if (bpf.kfuncExists("x", X)) bpf.kfunc("x", X)();`. For GPL-compatible programs.
pub inline fn kfuncExists(comptime name: []const u8, comptime Prototype: type) bool {
    return asm (binding(name, true) ++ "1: %[address] = " ++ name ++ " ll" ++ marker.external("kfunc " ++ name ++ " " ++ marker.prototype(Prototype))
        : [address] "=r" (-> u64),
    ) != 0;
}

/// Makes every `pub extern fn` of a namespace a function that the kernel has: `comptime {
/// bpf.declare(@This()); }` in a file of declarations that probes import. The probe's own file is declared
/// already. Zig shows no namespace its private declarations, and the object nothing but a name.
pub fn declare(comptime namespace: type) void {
    _ = Declarations(namespace);
}

fn Declarations(comptime namespace: type) type {
    return struct {
        comptime {
            @setEvalBranchQuota(100_000);
            for (@typeInfo(namespace).@"struct".decl_names) |name| {
                const Type = @TypeOf(@field(namespace, name)); // not its address: that would compile it, and say errors twice
                if (marker.isIdentifier(name) and isExternal(Type)) asm (marker.declaration(name, Type));
                if (Type == type) marker.declareName(@field(namespace, name));
            }
        }
    };
}

/// Whether it could be an `extern fn`; an `export fn` looks the same, and is not undefined.
fn isExternal(comptime Type: type) bool {
    const info = switch (@typeInfo(Type)) {
        .@"fn" => |info| info,
        else => return false,
    };
    return !info.is_generic and !info.attrs.varargs and info.attrs.@"callconv".eql(.c);
}

comptime {
    declare(@import("author.zig").file);
}

fn binding(comptime name: []const u8, comptime weak: bool) []const u8 {
    return if (weak) ".weak " ++ name ++ "\n" else "";
}

fn isConfiguration(comptime name: []const u8) bool {
    const std = @import("std");
    return std.mem.startsWith(u8, name, "CONFIG_") or std.mem.startsWith(u8, name, "LINUX_");
}
