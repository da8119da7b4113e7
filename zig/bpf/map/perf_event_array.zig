//! The perf buffer: events to user space, one ring per CPU (Linux 4.4).

const helpers = @import("../helpers.zig");
const definition = @import("definition.zig");
const result = @import("../result.zig");
const MapType = @import("../constants.zig").MapType;
const F_CURRENT_CPU = @import("../constants.zig").F_CURRENT_CPU;

/// A perf buffer of events of one type, BTF-defined (section `.maps`). It has one entry per CPU.
pub fn PerfEventArrayOf(comptime Event: type) type {
    return Buffers(Event, .{});
}

fn Buffers(comptime Event: type, comptime options: definition.Options) type {
    definition.assertPlain(Event, "event");
    return extern struct {
        type: definition.Number(@backingInt(MapType.perf_event_array)) = undefined,
        key_size: definition.Number(4) = undefined,
        value_size: definition.Number(4) = undefined,
        max_entries: definition.Number(options.max_entries orelse 0) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,
        /// Says which type the events are of; the build turns it into a decl tag.
        pyzbpf_event: *const Event = undefined,

        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Buffers(Event, changed);
        }

        /// Send an event to user space. `context` is the program's own. The kernel counts what finds
        /// no room. For GPL-compatible programs.
        pub inline fn output(self: *const Self, context: anytype, event: *const Event) result.Error!void {
            comptime definition.assertFilled(Event, "event");
            return send(self, context, F_CURRENT_CPU, event, @sizeOf(Event));
        }
    };
}

/// A perf buffer as a record of the legacy section `maps`: `PerfEventArray.init(256, 0)`.
///
/// What its events are is known to nobody; Python gets bytes. `PerfEventArrayOf(Event)` is typed.
pub const PerfEventArray = extern struct {
    type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,

    /// `max_entries` CPUs (0: all there are), `flags` of BPF_MAP_CREATE.
    pub fn init(max_entries: u32, flags: u32) PerfEventArray {
        return .{
            .type = @backingInt(MapType.perf_event_array),
            .key_size = @sizeOf(u32),
            .value_size = @sizeOf(u32),
            .max_entries = max_entries,
            .map_flags = flags,
        };
    }

    /// Send bytes to user space; `flags` is a CPU number or `bpf.F_CURRENT_CPU`. For GPL-compatible programs.
    pub inline fn event_output(self: *const PerfEventArray, context: anytype, flags: u64, data: []const u8) result.Error!void {
        return send(self, context, flags, data.ptr, data.len);
    }
};

inline fn send(map: *const anyopaque, context: anytype, flags: u64, data: *const anyopaque, size: u64) result.Error!void {
    return result.check(helpers.perf_event_output(@ptrCast(@constCast(context)), map, flags, @constCast(data), size));
}
