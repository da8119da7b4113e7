//! What a failed safety check does: it marks its place for the finisher and traps.
//!
//! The finisher turns every trap into an exit with the neutral verdict of the program's kind, counted
//! and reported to Python with its line and its operands. The members are those of std.debug.no_panic
//! of the pinned Zig; a probe built by pyzbpf has them without asking (`root.zig`), one that is built
//! otherwise says `pub const panic = bpf.panic;`.
//!
//! The marker is what keeps the checks apart: LLVM merges equal traps, but never inline assembly.
//! Its text is the name of the member and the registers of the operands, `outOfBounds r3 r1`.

const marker = @import("marker.zig");

/// `@panic`. A message that is known when the probe is compiled becomes a part of the type information
/// (`i`), one that is made at run time is not told (`r`).
pub fn call(message: []const u8, _: ?usize) noreturn {
    @branchHint(.cold);
    asm volatile (marker.panic
        :
        : [text] "ir" (message.ptr),
          [length] "ir" (message.len),
    );
    @trap();
}

pub fn sentinelMismatch(expected: anytype, found: @TypeOf(expected)) noreturn {
    @branchHint(.cold);
    switch (@typeInfo(@TypeOf(expected))) {
        .int, .bool, .@"enum" => failWithTwo("sentinelMismatch", number(expected), number(found)),
        else => fail("sentinelMismatch"),
    }
}

pub fn unwrapError(_: anyerror) noreturn {
    @branchHint(.cold);
    fail("unwrapError");
}

pub fn outOfBounds(index: usize, len: usize) noreturn {
    @branchHint(.cold);
    failWithTwo("outOfBounds", index, len);
}

pub fn startGreaterThanEnd(start: usize, end: usize) noreturn {
    @branchHint(.cold);
    failWithTwo("startGreaterThanEnd", start, end);
}

pub fn inactiveUnionField(active: anytype, accessed: @TypeOf(active)) noreturn {
    @branchHint(.cold);
    failWithTwo("inactiveUnionField", number(accessed), number(active));
}

pub fn sliceCastLenRemainder(len: usize) noreturn {
    @branchHint(.cold);
    failWithOne("sliceCastLenRemainder", len);
}

pub fn reachedUnreachable() noreturn {
    @branchHint(.cold);
    fail("reachedUnreachable");
}

pub fn unwrapNull() noreturn {
    @branchHint(.cold);
    fail("unwrapNull");
}

pub fn castToNull() noreturn {
    @branchHint(.cold);
    fail("castToNull");
}

pub fn incorrectAlignment() noreturn {
    @branchHint(.cold);
    fail("incorrectAlignment");
}

pub fn invalidErrorCode() noreturn {
    @branchHint(.cold);
    fail("invalidErrorCode");
}

pub fn unexpectedErrorCode(_: anyerror) noreturn {
    @branchHint(.cold);
    fail("unexpectedErrorCode");
}

pub fn integerOutOfBounds() noreturn {
    @branchHint(.cold);
    fail("integerOutOfBounds");
}

pub fn integerOverflow() noreturn {
    @branchHint(.cold);
    fail("integerOverflow");
}

pub fn shlOverflow() noreturn {
    @branchHint(.cold);
    fail("shlOverflow");
}

pub fn shrOverflow() noreturn {
    @branchHint(.cold);
    fail("shrOverflow");
}

pub fn divideByZero() noreturn {
    @branchHint(.cold);
    fail("divideByZero");
}

pub fn exactDivisionRemainder() noreturn {
    @branchHint(.cold);
    fail("exactDivisionRemainder");
}

pub fn integerPartOutOfBounds() noreturn {
    @branchHint(.cold);
    fail("integerPartOutOfBounds");
}

pub fn corruptSwitch() noreturn {
    @branchHint(.cold);
    fail("corruptSwitch");
}

pub fn shiftRhsTooBig() noreturn {
    @branchHint(.cold);
    fail("shiftRhsTooBig");
}

pub fn invalidEnumValue() noreturn {
    @branchHint(.cold);
    fail("invalidEnumValue");
}

pub fn forLenMismatch() noreturn {
    @branchHint(.cold);
    fail("forLenMismatch");
}

pub fn copyLenMismatch() noreturn {
    @branchHint(.cold);
    fail("copyLenMismatch");
}

pub fn memcpyAlias() noreturn {
    @branchHint(.cold);
    fail("memcpyAlias");
}

pub fn noreturnReturned() noreturn {
    @branchHint(.cold);
    fail("noreturnReturned");
}

pub fn loadUninstantiableType() noreturn {
    @branchHint(.cold);
    fail("loadUninstantiableType");
}

/// A check that the SDK makes itself, under a name of its own.
pub inline fn fail(comptime kind: []const u8) noreturn {
    asm volatile (marker.trap(kind));
    @trap();
}

inline fn failWithOne(comptime kind: []const u8, operand: usize) noreturn {
    asm volatile (marker.trap(kind ++ " %[operand]")
        :
        : [operand] "r" (operand),
    );
    @trap();
}

inline fn failWithTwo(comptime kind: []const u8, first: usize, second: usize) noreturn {
    asm volatile (marker.trap(kind ++ " %[first] %[second]")
        :
        : [first] "r" (first),
          [second] "r" (second),
    );
    @trap();
}

/// A value as 64 bits; what is wider loses its upper part.
inline fn number(value: anytype) u64 {
    return switch (@typeInfo(@TypeOf(value))) {
        .bool => @intFromBool(value),
        .@"enum" => word(@backingInt(value)),
        else => word(value),
    };
}

inline fn word(value: anytype) u64 {
    const info = @typeInfo(@TypeOf(value)).int;
    if (info.signedness == .unsigned) return if (info.bits <= 64) value else @truncate(value);
    const signed: i64 = if (info.bits <= 64) value else @truncate(value);
    return @bitCast(signed);
}
