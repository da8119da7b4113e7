//! Parts of arrays at places that are known at run time only, in forms that every verifier follows.
//!
//! A slice with a start and a length that both come at run time cannot be proved: the bound relates two
//! unknowns. These compare with constants only, which Linux 5.10 understands as well as 6.18.

const panic = @import("panic.zig");

/// `value`, proved to the verifier to be an index of `len` elements: `table[bpf.memory.index(x % len, len)]`.
///
/// Where LLVM can tell that a number is small enough (a remainder, `@clz`, an enum), it leaves Zig's own
/// check out, and the verifier, which cannot, refuses the access. This one stays in every mode; where it
/// fails, it is an index out of bounds.
pub inline fn index(value: usize, comptime len: usize) usize {
    @setRuntimeSafety(false);
    const found = hidden(value);
    if (found >= len) panic.outOfBounds(found, len);
    return found;
}

/// The `size` elements from `offset` of an array, or null where they do not all lie in it:
/// `bpf.memory.window(&names, offset, 16)`.
pub inline fn window(array: anytype, offset: usize, comptime size: usize) ?Window(@TypeOf(array), size) {
    @setRuntimeSafety(false); // the one comparison says it all
    const place = hidden(offset);
    if (place > array.len - size) return null;
    return @ptrCast(&array[place]);
}

/// Copy up to `count` elements from `offset` of the array `source` to the start of the array `target`;
/// stops at the end of either. Returns how many were copied.
pub inline fn copy(target: anytype, source: anytype, offset: usize, count: usize) usize {
    @setRuntimeSafety(false);
    var done: usize = 0;
    while (done < target.len and done < count) : (done += 1) {
        const from = hidden(offset +% done);
        const to = hidden(done);
        if (from >= source.len or to >= target.len) break;
        target[to] = source[from];
    }
    return done;
}

/// `*[size]T`, as const as the pointer to the array is.
fn Window(comptime Pointer: type, comptime size: usize) type {
    const info = @typeInfo(Pointer).pointer;
    const array = @typeInfo(info.child).array;
    if (size == 0 or size > array.len) @compileError("a window of an array has between 1 and all of its elements");
    return if (info.attrs.@"const") *const [size]array.child else *[size]array.child;
}

/// The same number, of which LLVM knows nothing: else it would move the comparison away from its use,
/// and what was compared would not be what the verifier sees used.
pub inline fn hidden(value: usize) usize {
    return asm (""
        : [same] "=r" (-> usize),
        : [value] "0" (value),
    );
}
