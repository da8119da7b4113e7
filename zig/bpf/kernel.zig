//! Memory of the kernel by address; `core` reads it by the names of types.

const helpers = @import("helpers.zig");
const result = @import("result.zig");

/// A value at an address of the kernel (Linux 5.5). For GPL-compatible programs.
pub inline fn read(comptime Type: type, address: u64) result.Error!Type {
    @setRuntimeSafety(false); // an address of the kernel: nothing is known of it
    var value: Type = undefined;
    try result.check(helpers.probe_read_kernel(&value, @sizeOf(Type), @ptrFromInt(address)));
    return value;
}

/// Text up to its NUL into an array of bytes, cut where that ends (Linux 5.5); returns its length with the NUL.
/// For GPL-compatible programs.
pub inline fn readText(address: u64, target: anytype) result.Error!u32 {
    @setRuntimeSafety(false);
    return result.value(u32, helpers.probe_read_kernel_str(target, @sizeOf(@TypeOf(target.*)), @ptrFromInt(address)));
}
