//! Timers in values of maps (Linux 5.15): `const Value = extern struct { timer: bpf.Timer, fired: u64 };`.

const helpers = @import("helpers.zig");
const marker = @import("marker.zig");
const result = @import("result.zig");

/// A member of the value of a hash table or an array; at most one in each.
pub const Timer = @import("types.zig").bpf_timer;

/// Which clock a timer goes by.
pub const Clock = enum(u64) { realtime = 0, monotonic = 1, boottime = 7 };

/// Prepare the timer of a value of `map`, once; `error.Busy` where it was prepared before. For GPL-compatible programs.
pub inline fn init(map: anytype, timer: *Timer, clock: Clock) result.Error!void {
    return result.check(helpers.timer_init(timer, map, @backingInt(clock)));
}

/// Let `body(&key, &value)` be called in so many nanoseconds, by the kernel and on its own; a safety check that fails
/// there ends that call. For GPL-compatible programs.
pub inline fn after(
    map: anytype,
    timer: *Timer,
    nanoseconds: u64,
    comptime body: fn (*const @TypeOf(map.*).KeyType, *@TypeOf(map.*).ValueType) void,
) result.Error!void {
    const Map = @TypeOf(map.*);
    const Callback = struct {
        fn call(_: *anyopaque, key: *const Map.KeyType, value: *Map.ValueType) callconv(.c) c_long {
            asm volatile (marker.callbackReturning(0));
            @call(.always_inline, body, .{ key, value });
            return 0;
        }
    };
    try result.check(helpers.timer_set_callback(timer, @ptrCast(&Callback.call)));
    return result.check(helpers.timer_start(timer, nanoseconds, 0));
}

/// Stop a timer and wait for its callback; `error.Unexpected` (EDEADLK) from the callback itself.
/// For GPL-compatible programs.
pub inline fn cancel(timer: *Timer) result.Error!void {
    return result.check(helpers.timer_cancel(timer));
}
