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

/// A slice made with a sentinel (`a[0..n :0]`) does not end in it; with both values where they are numbers.
pub fn sentinelMismatch(expected: anytype, found: @TypeOf(expected)) noreturn {
    @branchHint(.cold);
    switch (@typeInfo(@TypeOf(expected))) {
        .int, .bool, .@"enum" => failWithTwo("sentinelMismatch", number(expected), number(found)),
        else => fail("sentinelMismatch"),
    }
}

/// `catch unreachable` met an error.
pub fn unwrapError(_: anyerror) noreturn {
    @branchHint(.cold);
    fail("unwrapError");
}

/// `a[index]` beyond the length, or `a[start..index]`; with both.
pub fn outOfBounds(index: usize, len: usize) noreturn {
    @branchHint(.cold);
    failWithTwo("outOfBounds", index, len);
}

/// `a[start..end]` whose start is behind its end; with both.
pub fn startGreaterThanEnd(start: usize, end: usize) noreturn {
    @branchHint(.cold);
    failWithTwo("startGreaterThanEnd", start, end);
}

/// A field of a tagged union that is not the one that was set; with both tags.
pub fn inactiveUnionField(active: anytype, accessed: @TypeOf(active)) noreturn {
    @branchHint(.cold);
    failWithTwo("inactiveUnionField", number(accessed), number(active));
}

/// `@ptrCast` of a slice whose bytes are no whole number of elements; with their number.
pub fn sliceCastLenRemainder(len: usize) noreturn {
    @branchHint(.cold);
    failWithOne("sliceCastLenRemainder", len);
}

/// `unreachable` was reached.
pub fn reachedUnreachable() noreturn {
    @branchHint(.cold);
    fail("reachedUnreachable");
}

/// `x.?` of null.
pub fn unwrapNull() noreturn {
    @branchHint(.cold);
    fail("unwrapNull");
}

/// A cast of 0 to a pointer that cannot be null.
pub fn castToNull() noreturn {
    @branchHint(.cold);
    fail("castToNull");
}

/// `@alignCast` of an address that is not aligned so.
pub fn incorrectAlignment() noreturn {
    @branchHint(.cold);
    fail("incorrectAlignment");
}

/// `@errorFromInt` of no error's number.
pub fn invalidErrorCode() noreturn {
    @branchHint(.cold);
    fail("invalidErrorCode");
}

/// `@errorCast` to a set that has not this error.
pub fn unexpectedErrorCode(_: anyerror) noreturn {
    @branchHint(.cold);
    fail("unexpectedErrorCode");
}

/// `@intCast` to a type that has not this number.
pub fn integerOutOfBounds() noreturn {
    @branchHint(.cold);
    fail("integerOutOfBounds");
}

/// `+`, `-` or `*` whose result does not fit.
pub fn integerOverflow() noreturn {
    @branchHint(.cold);
    fail("integerOverflow");
}

/// `@shlExact` that loses bits.
pub fn shlOverflow() noreturn {
    @branchHint(.cold);
    fail("shlOverflow");
}

/// `@shrExact` that loses bits.
pub fn shrOverflow() noreturn {
    @branchHint(.cold);
    fail("shrOverflow");
}

/// `/` or `%` by 0.
pub fn divideByZero() noreturn {
    @branchHint(.cold);
    fail("divideByZero");
}

/// `@divExact` with a remainder.
pub fn exactDivisionRemainder() noreturn {
    @branchHint(.cold);
    fail("exactDivisionRemainder");
}

/// `@trunc` and the like of a float whose whole part does not fit.
pub fn integerPartOutOfBounds() noreturn {
    @branchHint(.cold);
    fail("integerPartOutOfBounds");
}

/// A `switch` over a value that is none of its type.
pub fn corruptSwitch() noreturn {
    @branchHint(.cold);
    fail("corruptSwitch");
}

/// `<<` or `>>` by as many bits as there are, or more.
pub fn shiftRhsTooBig() noreturn {
    @branchHint(.cold);
    fail("shiftRhsTooBig");
}

/// `@enumFromInt` of no member's number.
pub fn invalidEnumValue() noreturn {
    @branchHint(.cold);
    fail("invalidEnumValue");
}

/// `for` over two things of different lengths.
pub fn forLenMismatch() noreturn {
    @branchHint(.cold);
    fail("forLenMismatch");
}

/// `@memcpy` between slices of different lengths.
pub fn copyLenMismatch() noreturn {
    @branchHint(.cold);
    fail("copyLenMismatch");
}

/// `@memcpy` between slices that overlap.
pub fn memcpyAlias() noreturn {
    @branchHint(.cold);
    fail("memcpyAlias");
}

/// A function of type noreturn came back.
pub fn noreturnReturned() noreturn {
    @branchHint(.cold);
    fail("noreturnReturned");
}

/// A value of a type that has none was read.
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
