//! The ring buffer in the other direction: messages from user space (Linux 6.1).

const helpers = @import("../helpers.zig");
const definition = @import("definition.zig");
const marker = @import("../marker.zig");
const panic = @import("../panic.zig");
const result = @import("../result.zig");
const types = @import("../types.zig");
const Next = @import("../loop.zig").Next;
const MapType = @import("../constants.zig").MapType;

/// A ring buffer of messages of one type that user space writes, 256 KiB unless `.with(.{ .max_entries = bytes })`
/// says otherwise.
pub fn UserRingBuf(comptime Message: type) type {
    return Ring(Message, .{});
}

fn Ring(comptime Message: type, comptime options: definition.Options) type {
    definition.assertPlain(Message, "event");
    return extern struct {
        type: definition.Number(@backingInt(MapType.user_ringbuf)) = undefined,
        max_entries: definition.Number(options.max_entries orelse 256 * 1024) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,
        /// Says which type the messages are of; the build turns it into a decl tag.
        pyzbpf_event: *const Message = undefined,

        const Self = @This();

        /// The same buffer with another size, flags or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Ring(Message, changed);
        }

        /// Call `body(&message, context) bpf.Next` for each message that is there, until it returns `.stop`; returns how
        /// many were taken. One that is shorter than a `Message` is passed over. A safety check that fails in the body
        /// ends the program. `error.Busy`: another program takes messages just now.
        pub inline fn drain(self: *const Self, context: anytype, comptime body: fn (*const Message, @TypeOf(context)) Next) result.Error!u32 {
            const Frame = struct {
                /// Set while the body runs: it is still set when a check has ended it.
                running: u64 = 0,
                context: @TypeOf(context),

                fn call(dynptr: *types.bpf_dynptr, frame: *@This()) callconv(.c) c_long {
                    asm volatile (marker.callback);
                    var message: Message = undefined;
                    if (helpers.dynptr_read(&message, @sizeOf(Message), dynptr, 0, 0) != 0) return 0;
                    const running: *volatile u64 = &frame.running;
                    running.* = 1;
                    const next = @call(.always_inline, body, .{ &message, frame.context });
                    running.* = 0;
                    return if (next == .stop) 1 else 0;
                }
            };
            var frame: Frame = .{ .context = context };
            const taken = helpers.user_ringbuf_drain(self, @ptrCast(&Frame.call), &frame, 0);
            const running: *volatile u64 = &frame.running;
            if (running.* != 0) panic.fail("leave");
            return result.value(u32, taken);
        }
    };
}
