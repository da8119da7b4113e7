//! The number that a program's link was given, to tell its places apart: `attach(cookie=7)` in Python.

const helpers = @import("../helpers.zig");

/// The cookie of the link by which the program runs now, 0 where it was given none. Linux 5.15 for kprobe,
/// uprobe, tracepoint and perf_event, 5.19 for fentry, fexit, fmod_ret and LSM, 6.10 for raw_tp and tp_btf.
pub inline fn attachCookie(context: anytype) u64 {
    return helpers.get_attach_cookie(@ptrCast(@constCast(context)));
}
