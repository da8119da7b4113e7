//! Registers of the probed place: sections "kprobe/…", "kretprobe/…", "uprobe/…", "uretprobe/…".
//!
//! They read the same on x86_64, arm64, riscv64 and s390x, and from one object on the first three: which of
//! them it is the kernel's own types say when the probe is loaded, and the verifier drops the others. The
//! places are the ABI of ptrace(2): arch/*/include/uapi/asm/ptrace.h. Big-endian objects are for s390x, and
//! need no types of the kernel.

const core = @import("../core.zig");
const helpers = @import("../helpers.zig");
const marker = @import("../marker.zig");

/// The context of a kprobe or uprobe.
const pt_regs = opaque {
    /// Argument `index`, from 0, of the function at whose start the probe is (the first five; on
    /// little-endian machines six).
    pub inline fn arg(self: *const pt_regs, comptime index: comptime_int) u64 {
        const first = if (marker.is_big_endian) 5 else 6;
        if (index < 0 or index >= first) @compileError("the first " ++ marker.decimal(first) ++ " arguments are in registers on every machine; the others are on the stack of some");
        return register(self, argumentPlaces(index));
    }

    /// The same as a number, an enum, a `bool` or a pointer to a declared type.
    pub inline fn argAs(self: *const pt_regs, comptime Type: type, comptime index: comptime_int) Type {
        return as(Type, self.arg(index));
    }

    /// What the function returns (kretprobe, uretprobe).
    pub inline fn result(self: *const pt_regs) u64 {
        return register(self, .{ .x86_64 = 80, .arm64 = 0, .riscv64 = 8 * 10, .s390x = 24 + 8 * 2 });
    }

    /// The same as a number, an enum, a `bool` or a pointer to a declared type.
    pub inline fn resultAs(self: *const pt_regs, comptime Type: type) Type {
        return as(Type, self.result());
    }

    /// The address of the instruction.
    pub inline fn instructionPointer(self: *const pt_regs) u64 {
        return register(self, .{ .x86_64 = 128, .arm64 = 8 * 32, .riscv64 = 0, .s390x = 16 });
    }

    /// The address of the stack's top.
    pub inline fn stackPointer(self: *const pt_regs) u64 {
        return register(self, .{ .x86_64 = 152, .arm64 = 8 * 31, .riscv64 = 8 * 2, .s390x = 24 + 8 * 15 });
    }
};

pub const PtRegs = pt_regs;

/// Where a register lies in the context on each machine, in bytes.
const Places = struct { x86_64: u16, arm64: u16, riscv64: u16, s390x: u16 };

/// Where a function's arguments are.
fn argumentPlaces(comptime index: comptime_int) Places {
    return .{
        .x86_64 = ([_]u16{ 112, 104, 96, 88, 72, 64 })[index], // di si dx cx r8 r9
        .arm64 = 8 * index, // regs[0..]
        .riscv64 = 8 * (10 + index), // a0..
        .s390x = 24 + 8 * (2 + index), // gprs[2..]
    };
}

/// Where those of a system call are, in the registers of the process: the first is kept apart from the result.
fn systemCallPlaces(comptime index: comptime_int) Places {
    const orig_x0, const orig_a0, const orig_gpr2 = .{ 272, 280, 152 };
    return .{
        .x86_64 = ([_]u16{ 112, 104, 96, 56, 72, 64 })[index], // di si dx r10 r8 r9
        .arm64 = if (index == 0) orig_x0 else 8 * index,
        .riscv64 = if (index == 0) orig_a0 else 8 * (10 + index),
        .s390x = if (index == 0) orig_gpr2 else 24 + 8 * (2 + index),
    };
}

/// Argument `index` of a system call, from the context of a program at its entry.
pub inline fn systemCallArgument(context: *const pt_regs, comptime index: comptime_int) u64 {
    return register(context, systemCallPlaces(index));
}

/// The same from registers elsewhere in the memory of the kernel.
pub inline fn systemCallArgumentAt(address: u64, comptime index: comptime_int) u64 {
    const places = comptime systemCallPlaces(index);
    if (comptime marker.is_big_endian) return copied(address +% places.s390x);
    if (core.exists(X86, "di")) return copied(address +% places.x86_64);
    if (core.exists(Arm64, "pstate")) return copied(address +% places.arm64);
    if (core.exists(Riscv64, "a0")) return copied(address +% places.riscv64);
    return 0;
}

/// Eight bytes of kernel memory; 0 where they cannot be read. For GPL-compatible programs.
pub inline fn copied(address: u64) u64 {
    @setRuntimeSafety(false);
    var value: u64 = 0;
    _ = helpers.probe_read_kernel(&value, 8, @ptrFromInt(address));
    return value;
}

/// What the kernel's `struct pt_regs` has on one of the machines, and on no other.
const X86 = extern struct {
    pub const btf = "pt_regs";
    di: u64,
};
const Arm64 = extern struct {
    pub const btf = "pt_regs";
    pstate: u64,
};
const Riscv64 = extern struct {
    pub const btf = "pt_regs";
    a0: u64,
};

inline fn register(context: anytype, comptime places: Places) u64 {
    if (comptime marker.is_big_endian) return load(context, places.s390x);
    if (core.exists(X86, "di")) return load(context, places.x86_64);
    if (core.exists(Arm64, "pstate")) return load(context, places.arm64);
    if (core.exists(Riscv64, "a0")) return load(context, places.riscv64);
    return 0;
}

/// One load at a fixed offset: the verifier takes no context pointer that was moved, so LLVM must not
/// make one load of several.
pub inline fn load(context: anytype, comptime offset: u16) u64 {
    return asm volatile ("%[value] = *(u64 *)(%[base] + " ++ marker.decimal(offset) ++ ")"
        : [value] "=r" (-> u64),
        : [base] "r" (context),
    );
}

/// A register as what it holds.
pub inline fn as(comptime Type: type, value: u64) Type {
    return switch (@typeInfo(Type)) {
        .int => |info| @bitCast(@as(@Int(.unsigned, info.bits), @truncate(value))),
        .bool => value & 1 != 0,
        .@"enum" => |info| @fromBackingInt(@as(info.tag_type, @bitCast(@as(@Int(.unsigned, @bitSizeOf(info.tag_type)), @truncate(value))))),
        .pointer => |info| core.pointer(info.child, value),
        .optional => |info| if (value == 0) null else as(info.child, value),
        else => @compileError("a register holds a number, an enum, a bool or a pointer, not " ++ @typeName(Type)),
    };
}
