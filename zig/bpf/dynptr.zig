//! Memory of a length that is known at run time only (Linux 5.19): `var part: bpf.Dynptr = undefined;`.

const helpers = @import("helpers.zig");
const result = @import("result.zig");
const countLost = @import("map/ring_buf.zig").countLost;

/// A place in memory with its length, which the kernel looks after. A variable of the program, and of no map.
pub const Dynptr = @import("types.zig").bpf_dynptr;

/// Of a value in a map; `part` stands for its first `length` bytes.
pub inline fn ofMemory(memory: anytype, length: u32, part: *Dynptr) result.Error!void {
    return result.check(helpers.dynptr_from_mem(memory, length, 0, part));
}

/// Of a new record of a ring buffer. It is to be given to `submit` or `discard` on every path, also behind an error,
/// which is counted as lost.
pub inline fn reserve(ring: anytype, length: u32, part: *Dynptr) result.Error!void {
    const returned = helpers.ringbuf_reserve_dynptr(ring, length, 0, part);
    if (returned < 0) countLost(ring);
    return result.check(returned);
}

/// Hand a reserved record to user space.
pub inline fn submit(part: *Dynptr) void {
    helpers.ringbuf_submit_dynptr(part, 0);
}

/// Give a reserved record back unused.
pub inline fn discard(part: *Dynptr) void {
    helpers.ringbuf_discard_dynptr(part, 0);
}

/// Copy `target.*` out of it; `error.NoSpace` (E2BIG) where it ends before.
pub inline fn read(part: *const Dynptr, offset: u32, target: anytype) result.Error!void {
    return result.check(helpers.dynptr_read(target, @sizeOf(@TypeOf(target.*)), part, offset, 0));
}

/// Copy `source.*` into it; `error.NoSpace` (E2BIG) where it ends before.
pub inline fn write(part: *const Dynptr, offset: u32, source: anytype) result.Error!void {
    return result.check(helpers.dynptr_write(part, offset, @constCast(source), @sizeOf(@TypeOf(source.*)), 0));
}

/// A `T` in its place, or null where it ends before.
pub inline fn at(comptime T: type, part: *const Dynptr, comptime offset: u32) ?*T {
    @setRuntimeSafety(false); // the pointer is the kernel's: an alignment check is refused by the verifier
    return @ptrCast(@alignCast(helpers.dynptr_data(part, offset, @sizeOf(T))));
}
