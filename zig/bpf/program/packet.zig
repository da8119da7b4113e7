//! Packet bytes by pointer, for contexts with `data` and `data_end` (XDP, tc).

/// A pointer to a `T` at `offset` bytes into the packet, or null where the packet is shorter.
///
/// The null check is the bounds check that the verifier wants to see.
pub inline fn at(comptime T: type, context: anytype, offset: usize) ?*align(1) T {
    @setRuntimeSafety(false);
    const start: usize = context.data;
    const end: usize = context.data_end;
    if (start + offset + @sizeOf(T) > end) return null;
    return @ptrFromInt(start + offset);
}

/// Copy `target.*` bytes from `offset` of a socket buffer, which need not be linear in memory.
pub inline fn load(context: anytype, offset: u32, target: anytype) @import("../result.zig").Error!void {
    const helpers = @import("../helpers.zig");
    return @import("../result.zig").check(helpers.skb_load_bytes(context, offset, target, @sizeOf(@TypeOf(target.*))));
}
