//! What a helper's negative return value means, as Zig errors.

const builtin = @import("builtin");
const std = @import("std");

/// What most helpers fail with.
pub const Error = error{
    /// -ENOENT: no such key.
    NotFound,
    /// -EEXIST: the key is there already.
    AlreadyExists,
    /// -E2BIG, -ENOSPC, -ENOMEM: the map or buffer is full.
    NoSpace,
    /// -EINVAL: a flag or size that the helper does not take.
    InvalidArgument,
    /// -EBUSY: the same map is being changed on this CPU.
    Busy,
    /// -EAGAIN: no room in the buffer now.
    Again,
    /// -EFAULT: memory that cannot be read or written; no such stack.
    Fault,
    /// -EPERM: not for this program, process or map.
    NotPermitted,
    /// Any other errno.
    Unexpected,
};

/// Turn what a helper returned into an error union; zero and above are success.
///
/// Only the lower 32 bits count: before Linux 6.4 those of maps return an `int`, and leave the upper ones as they are.
pub inline fn check(returned: c_long) Error!void {
    const code = half(@truncate(returned));
    if (code >= 0) return;
    return switch (code) {
        -2 => error.NotFound,
        -17 => error.AlreadyExists,
        -7, -12, -28 => error.NoSpace,
        -22 => error.InvalidArgument,
        -16 => error.Busy,
        -11 => error.Again,
        -14 => error.Fault,
        -1 => error.NotPermitted,
        else => error.Unexpected,
    };
}

/// The number as something of which LLVM knows nothing: else it masks the sign's bit in the whole register, three
/// instructions for one.
inline fn half(code: c_int) c_int {
    if (comptime !has_halves) return code;
    return asm (""
        : [same] "=w" (-> c_int),
        : [code] "0" (code),
    );
}

/// From CPU v3 on BPF has registers of 32 bits.
const has_halves = builtin.cpu.arch.isBpf() and std.Target.bpf.featureSetHas(builtin.cpu.features, .alu32);

/// The same for a helper that returns a number: it, where it is not negative.
pub inline fn value(comptime Type: type, returned: c_long) Error!Type {
    try check(returned);
    return @truncate(@as(u64, @bitCast(@as(i64, returned))));
}
