//! `bpf_for_each_map_elem` (Linux 5.13): each entry of a map, walked once by the verifier.

const helpers = @import("../helpers.zig");
const marker = @import("../marker.zig");
const panic = @import("../panic.zig");
pub const Next = @import("../loop.zig").Next;

/// What `forEach` of a map does: `body` is called by the kernel. A safety check that fails there ends the walk and the
/// program, as it does elsewhere.
pub inline fn forEach(
    comptime Key: type,
    comptime Value: type,
    map: *const anyopaque,
    context: anytype,
    comptime body: fn (*const Key, *Value, @TypeOf(context)) Next,
) void {
    const Frame = struct {
        /// Set while the body runs: it is still set when a check has ended it.
        running: u64 = 0,
        context: @TypeOf(context),

        fn call(_: *anyopaque, key: *const Key, value: *Value, frame: *@This()) callconv(.c) c_long {
            asm volatile (marker.callback);
            const running: *volatile u64 = &frame.running;
            running.* = 1;
            const next = @call(.always_inline, body, .{ key, value, frame.context });
            running.* = 0;
            return if (next == .stop) 1 else 0;
        }
    };
    var frame: Frame = .{ .context = context };
    _ = helpers.for_each_map_elem(map, @ptrCast(&Frame.call), &frame, 0);
    const running: *volatile u64 = &frame.running;
    if (running.* != 0) panic.fail("leave");
}
