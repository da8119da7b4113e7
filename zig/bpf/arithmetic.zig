//! Checked arithmetic that BPF can do.

const panic = @import("panic.zig");

/// `a * b`, checked for overflow in safe mode. Zig's own `*` on 64 bits does not compile there: LLVM
/// checks it with a 128-bit product, which BPF has not.
pub inline fn mul(a: u64, b: u64) u64 {
    if (@import("builtin").mode.runtimeSafety() and upper(a, b) != 0) panic.integerOverflow();
    return a *% b;
}

/// The same of signed numbers: `i64 * i64`.
pub inline fn mulSigned(a: i64, b: i64) i64 {
    if (@import("builtin").mode.runtimeSafety()) {
        const limit: u64 = (1 << 63) - @as(u64, @intFromBool((a < 0) == (b < 0)));
        if (upper(@abs(a), @abs(b)) != 0 or hidden(@abs(a) *% @abs(b)) > limit) panic.integerOverflow();
    }
    return a *% b;
}

/// Whether the product needs more than 64 bits: not zero if so.
///
/// Both upper halves together overflow; else at most one cross product counts, and its upper half must
/// be empty, with what the lower halves carry into it.
inline fn upper(a: u64, b: u64) u64 {
    const low: u64 = 0xffff_ffff;
    const a_high = a >> 32;
    const b_high = b >> 32;
    if (a_high != 0 and b_high != 0) return 1;
    // One of them is zero: the sum is the one cross product, below 2^64.
    const cross = hidden(a_high *% (b & low) +% b_high *% (a & low));
    const carried = hidden((a & low) *% (b & low)) >> 32;
    return (cross +% carried) >> 32;
}

/// The same number, of which LLVM knows nothing: it would see the pattern and make 128 bits of it.
inline fn hidden(value: u64) u64 {
    return asm (""
        : [same] "=r" (-> u64),
        : [value] "0" (value),
    );
}
