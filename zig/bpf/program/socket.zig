//! The socket behind a context that has a member `sk`.

const types = @import("../types.zig");

/// The socket that a packet, a message or an operation belongs to, or null.
///
/// One load of a pointer: the verifier knows what the member holds, and does not let it be cut.
pub inline fn of(context: anytype) ?*types.bpf_sock {
    @setRuntimeSafety(false);
    const Context = @TypeOf(context.*);
    return asm volatile ("%[socket] = *(u64 *)(%[context] + %[offset])"
        : [socket] "=r" (-> ?*types.bpf_sock),
        : [context] "r" (context),
          [offset] "i" (@as(u64, @offsetOf(Context, "sk"))),
    );
}
