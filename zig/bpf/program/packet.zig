//! Packet bytes by pointer, for contexts with `data` and `data_end` (XDP, tc).

/// A pointer to a `T` at `offset` bytes into the packet, or null where the packet is shorter.
///
/// The null check is the bounds check that the verifier wants to see.
pub inline fn at(comptime T: type, context: anytype, offset: usize) ?*align(1) T {
    @setRuntimeSafety(false);
    const start: usize = context.data;
    const past = hidden(start + offset + @sizeOf(T));
    if (past > context.data_end) return null;
    return @ptrFromInt(start + offset);
}

/// The same number, of which LLVM knows nothing.
///
/// Else it would compare the lower 32 bits only, or turn `start + 1 > end` into `start >= end`, and
/// neither tells the verifier how many bytes of the packet there are.
inline fn hidden(value: usize) usize {
    return asm (""
        : [same] "=r" (-> usize),
        : [value] "0" (value),
    );
}

/// Copy `target.*` bytes from `offset` of a socket buffer, which need not be linear in memory.
pub inline fn load(context: anytype, offset: u32, target: anytype) @import("../result.zig").Error!void {
    const helpers = @import("../helpers.zig");
    return @import("../result.zig").check(helpers.skb_load_bytes(context, offset, target, @sizeOf(@TypeOf(target.*))));
}
