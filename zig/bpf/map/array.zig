//! Arrays: values by index, all there from the start, zeroed.

const helpers = @import("../helpers.zig");
const definition = @import("definition.zig");
const result = @import("../result.zig");
const walk = @import("walk.zig");
const MapType = @import("../constants.zig").MapType;

/// An array (Linux 3.19).
pub fn Array(comptime Value: type, comptime max_entries: u32) type {
    return Indexed(.array, Value, max_entries, .{});
}

/// An array with one value per CPU (Linux 4.6): counters without contention.
pub fn PerCpuArray(comptime Value: type, comptime max_entries: u32) type {
    return Indexed(.percpu_array, Value, max_entries, .{});
}

fn Indexed(
    comptime kind: MapType,
    comptime Value: type,
    comptime max_entries: u32,
    comptime options: definition.Options,
) type {
    definition.assertPlain(Value, "value");
    return extern struct {
        type: definition.Number(@backingInt(kind)) = undefined,
        key: *const u32 = undefined,
        value: *const Value = undefined,
        max_entries: definition.Number(options.max_entries orelse max_entries) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,

        pub const KeyType = u32;
        pub const ValueType = Value;
        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Indexed(kind, Value, max_entries, changed);
        }

        /// A pointer to the value in the map (of this CPU), or null where the index is too large.
        pub inline fn lookup(self: *const Self, index: u32) ?*Value {
            @setRuntimeSafety(false); // the pointer is the kernel's: an alignment check is refused by the verifier
            const key = index;
            return @ptrCast(@alignCast(helpers.map_lookup_elem(self, &key)));
        }

        /// The same on another CPU (PerCpuArray; Linux 5.19).
        pub inline fn lookupCpu(self: *const Self, index: u32, cpu: u32) ?*Value {
            @setRuntimeSafety(false);
            const key = index;
            return @ptrCast(@alignCast(helpers.map_lookup_percpu_elem(self, &key, cpu)));
        }

        /// Call `body(&index, &value, context) bpf.Next` for each value until it returns `.stop` (Linux 5.13). A safety
        /// check that fails in the body ends the program.
        pub inline fn forEach(self: *const Self, context: anytype, comptime body: fn (*const u32, *Value, @TypeOf(context)) walk.Next) void {
            walk.forEach(u32, Value, self, context, body);
        }

        /// Replace a value.
        pub inline fn update(self: *const Self, index: u32, value: *const Value) result.Error!void {
            comptime definition.assertFilled(Value, "value");
            const key = index;
            return result.check(helpers.map_update_elem(self, &key, value, 0));
        }
    };
}
