//! Maps without keys: queues, stacks, and filters of what was seen.

const helpers = @import("../helpers.zig");
const definition = @import("definition.zig");
const result = @import("../result.zig");
const constants = @import("../constants.zig");
const MapType = constants.MapType;

/// First in, first out (Linux 4.20).
pub fn Queue(comptime Value: type, comptime max_entries: u32) type {
    return Line(.queue, Value, max_entries, .{});
}

/// Last in, first out (Linux 4.20).
pub fn Stack(comptime Value: type, comptime max_entries: u32) type {
    return Line(.stack, Value, max_entries, .{});
}

fn Line(comptime kind: MapType, comptime Value: type, comptime max_entries: u32, comptime options: definition.Options) type {
    definition.assertPlain(Value, "value");
    definition.assertFilled(Value, "value");
    return extern struct {
        type: definition.Number(@backingInt(kind)) = undefined,
        value: *const Value = undefined,
        max_entries: definition.Number(options.max_entries orelse max_entries) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,

        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Line(kind, Value, max_entries, changed);
        }

        /// Add a value; `error.NoSpace` (E2BIG) where it is full.
        pub inline fn push(self: *const Self, value: *const Value) result.Error!void {
            return result.check(helpers.map_push_elem(self, value, constants.ANY));
        }

        /// The same, where the oldest makes room if it is full.
        pub inline fn pushOver(self: *const Self, value: *const Value) result.Error!void {
            return result.check(helpers.map_push_elem(self, value, constants.EXIST));
        }

        /// Take the next value out; `error.NotFound` where there is none.
        pub inline fn pop(self: *const Self, value: *Value) result.Error!void {
            return result.check(helpers.map_pop_elem(self, value));
        }

        /// Look at the next value; `error.NotFound` where there is none.
        pub inline fn peek(self: *const Self, value: *Value) result.Error!void {
            return result.check(helpers.map_peek_elem(self, value));
        }
    };
}

/// A Bloom filter (Linux 5.16): what was never put in is told for certain, what was is told with a few others.
pub fn BloomFilter(comptime Value: type, comptime max_entries: u32) type {
    return Filter(Value, max_entries, .{});
}

fn Filter(comptime Value: type, comptime max_entries: u32, comptime options: definition.Options) type {
    definition.assertPlain(Value, "value");
    definition.assertFilled(Value, "value");
    return extern struct {
        type: definition.Number(@backingInt(MapType.bloom_filter)) = undefined,
        value: *const Value = undefined,
        max_entries: definition.Number(options.max_entries orelse max_entries) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,

        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Filter(Value, max_entries, changed);
        }

        /// Put a value in.
        pub inline fn add(self: *const Self, value: *const Value) result.Error!void {
            return result.check(helpers.map_push_elem(self, value, constants.ANY));
        }

        /// Whether a value was put in: false is certain.
        pub inline fn mayHave(self: *const Self, value: *const Value) bool {
            return helpers.map_peek_elem(self, @constCast(value)) == 0;
        }
    };
}
