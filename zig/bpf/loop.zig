//! Loops that the verifier walks once: `bpf.loop` (Linux 5.17).

const helpers = @import("helpers.zig");
const marker = @import("marker.zig");
const panic = @import("panic.zig");

/// What the body of a loop wants next.
pub const Next = enum { again, stop };

/// Call `body(index, context)` for each index below `count`, until it returns `.stop`; `context` is a
/// pointer. A safety check that fails in the body ends the loop and the program, as it does elsewhere.
pub inline fn loop(count: u32, context: anytype, comptime body: fn (u32, @TypeOf(context)) Next) void {
    const Frame = struct {
        /// Set while the body runs: it is still set when a check has ended it.
        running: u64 = 0,
        context: @TypeOf(context),

        fn call(index: u64, frame: *@This()) callconv(.c) c_long {
            asm volatile (marker.callback);
            const running: *volatile u64 = &frame.running;
            running.* = 1;
            const next = @call(.always_inline, body, .{ @as(u32, @truncate(index)), frame.context });
            running.* = 0;
            return if (next == .stop) 1 else 0;
        }
    };
    var frame: Frame = .{ .context = context };
    _ = helpers.loop(count, @ptrCast(&Frame.call), &frame, 0);
    const running: *volatile u64 = &frame.running;
    if (running.* != 0) panic.fail("leave");
}
