//! Locks in values of maps (Linux 5.1): `const Value = extern struct { lock: bpf.SpinLock, reserved: u32, count: u64 };`.
//!
//! Between `lock` and `unlock` nothing may be called, and no safety check may fail: the build refuses that.

const helpers = @import("helpers.zig");

/// A member of the value of a hash table or an array; at most one in each.
pub const SpinLock = @import("types.zig").bpf_spin_lock;

/// Wait for the lock and take it.
pub inline fn lock(it: *SpinLock) void {
    _ = helpers.spin_lock(it);
}

/// Give the lock back; on every path.
pub inline fn unlock(it: *SpinLock) void {
    _ = helpers.spin_unlock(it);
}
