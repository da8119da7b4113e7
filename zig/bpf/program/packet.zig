//! Packet bytes by pointer, for contexts with `data` and `data_end` (XDP, tc).

const helpers = @import("../helpers.zig");
const result = @import("../result.zig");

/// A pointer to a `T` at `offset` bytes into the packet, or null where the packet is shorter.
///
/// The null check is the bounds check that the verifier wants to see.
///
/// As in C the pointer has the alignment of `T`, whatever the offset: LLVM then loads a number by one
/// instruction. Machines that run BPF load unaligned numbers, and the verifier lets them; on the few that
/// cannot (without CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS), or with BPF_F_STRICT_ALIGNMENT, it says
/// "misaligned packet access". A `T` of bytes, or with members `align(1)`, is read byte by byte everywhere.
pub inline fn at(comptime T: type, context: anytype, offset: usize) ?*T {
    @setRuntimeSafety(false);
    const start: [*]u8 = @ptrFromInt(context.data);
    const past = kept(start + offset + @sizeOf(T));
    const end = kept(@ptrFromInt(context.data_end));
    if (@intFromPtr(past) > @intFromPtr(end)) return null;
    // From the pointer that was compared: mostly it is the only one that LLVM needs then.
    return @ptrCast(@alignCast(past - @sizeOf(T)));
}

/// The same pointer, of which LLVM's optimiser knows nothing; the BPF backend takes it away.
///
/// Else it would compare the lower 32 bits only, or turn `start + 1 > end` into `start >= end`, and
/// neither tells the verifier how many bytes of the packet there are. Inline assembly would do the same,
/// but LLVM takes it for something that changes memory, and loads `data` again behind it.
inline fn kept(pointer: [*]u8) [*]u8 {
    return @"llvm.bpf.passthrough.p0.p0"(0, pointer);
}

extern fn @"llvm.bpf.passthrough.p0.p0"(u32, [*]u8) [*]u8;

/// Copy `target.*` bytes from `offset` of a socket buffer, which need not be linear in memory.
pub inline fn load(context: anytype, offset: u32, target: anytype) result.Error!void {
    return result.check(helpers.skb_load_bytes(context, offset, target, @sizeOf(@TypeOf(target.*))));
}
