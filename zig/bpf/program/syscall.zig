//! System calls: sections "ksyscall/<name>", "kretsyscall/<name>".

const external = @import("../external.zig");
const pt = @import("registers.zig");

/// The context of a ksyscall or kretsyscall: a kprobe of the function behind a system call, which each machine's
/// kernel names in its own way.
pub const Syscall = opaque {
    /// Argument `index`, from 0 to 5, of the system call.
    ///
    /// Most kernels wrap their system calls (x86-64 from Linux 4.17): the function has one argument, the address of the
    /// process's registers. LINUX_HAS_SYSCALL_WRAPPER, which the loader finds out, tells. For GPL-compatible programs.
    pub inline fn arg(self: *const Syscall, comptime index: comptime_int) u64 {
        if (index < 0 or index > 5) @compileError("a system call has up to six arguments, 0 to 5");
        if (!external.kconfig(bool, "LINUX_HAS_SYSCALL_WRAPPER")) return pt.systemCallArgument(self.registers(), index);
        return pt.systemCallArgumentAt(self.registers().arg(0), index);
    }

    /// The same as a number, an enum, a `bool` or a pointer to a declared type. For GPL-compatible programs.
    pub inline fn argAs(self: *const Syscall, comptime Type: type, comptime index: comptime_int) Type {
        return pt.as(Type, self.arg(index));
    }

    /// What the system call returns (kretsyscall): from -4095 to -1 it is an error.
    pub inline fn result(self: *const Syscall) i64 {
        return self.registers().resultAs(i64);
    }

    /// The registers of the kernel's own function.
    pub inline fn registers(self: *const Syscall) *const pt.PtRegs {
        return @ptrCast(self);
    }
};
