//! Memory of the process that runs: what system calls and functions of programs are given.

const helpers = @import("helpers.zig");
const result = @import("result.zig");

/// A value at an address of the process (Linux 5.5); `error.Fault` where nothing is mapped, or it is paged out.
/// For GPL-compatible programs.
pub inline fn read(comptime Type: type, address: u64) result.Error!Type {
    var value: Type = undefined;
    try readInto(address, &value);
    return value;
}

/// The same, straight into its place. For GPL-compatible programs.
pub inline fn readInto(address: u64, target: anytype) result.Error!void {
    @setRuntimeSafety(false); // an address of the process: nothing is known of it
    return result.check(helpers.probe_read_user(target, @sizeOf(@TypeOf(target.*)), @ptrFromInt(address)));
}

/// Text up to its NUL into an array of bytes, cut where that ends (Linux 5.5); returns its length with the NUL.
/// For GPL-compatible programs.
pub inline fn readText(address: u64, target: anytype) result.Error!u32 {
    @setRuntimeSafety(false);
    return result.value(u32, helpers.probe_read_user_str(target, @sizeOf(@TypeOf(target.*)), @ptrFromInt(address)));
}

/// The same as `readInto`, also of what is paged out: for programs that may sleep (sections with ".s"; Linux 5.10).
pub inline fn copyInto(address: u64, target: anytype) result.Error!void {
    @setRuntimeSafety(false);
    return result.check(helpers.copy_from_user(target, @sizeOf(@TypeOf(target.*)), @ptrFromInt(address)));
}
