//! Hash maps: any key, any value.

const helpers = @import("../helpers.zig");
const definition = @import("definition.zig");
const result = @import("../result.zig");
const MapType = @import("../constants.zig").MapType;

/// A hash table (Linux 3.19). Updating a full one fails with `error.NoSpace`.
pub fn Hash(comptime Key: type, comptime Value: type, comptime max_entries: u32) type {
    return Keyed(.hash, Key, Value, max_entries, .{});
}

/// A hash table that evicts what was used least recently when it is full (Linux 4.10).
pub fn LruHash(comptime Key: type, comptime Value: type, comptime max_entries: u32) type {
    return Keyed(.lru_hash, Key, Value, max_entries, .{});
}

/// A hash table with one value per CPU (Linux 4.6).
pub fn PerCpuHash(comptime Key: type, comptime Value: type, comptime max_entries: u32) type {
    return Keyed(.percpu_hash, Key, Value, max_entries, .{});
}

fn Keyed(
    comptime kind: MapType,
    comptime Key: type,
    comptime Value: type,
    comptime max_entries: u32,
    comptime options: definition.Options,
) type {
    definition.assertPlain(Key, "key");
    definition.assertPlain(Value, "value");
    return extern struct {
        type: definition.Number(@backingInt(kind)) = undefined,
        key: *const Key = undefined,
        value: *const Value = undefined,
        max_entries: definition.Number(options.max_entries orelse max_entries) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,

        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Keyed(kind, Key, Value, max_entries, changed);
        }

        /// A pointer to the value in the map (of this CPU), or null where the key is not there.
        pub inline fn lookup(self: *const Self, key: *const Key) ?*Value {
            @setRuntimeSafety(false); // the pointer is the kernel's: an alignment check is refused by the verifier
            return @ptrCast(@alignCast(helpers.map_lookup_elem(self, key)));
        }

        /// Store a value; `flags` is `bpf.ANY`, `bpf.NOEXIST` or `bpf.EXIST`.
        pub inline fn update(self: *const Self, key: *const Key, value: *const Value, flags: u64) result.Error!void {
            return result.check(helpers.map_update_elem(self, key, value, flags));
        }

        /// Remove a key; `error.NotFound` where it is not there.
        pub inline fn delete(self: *const Self, key: *const Key) result.Error!void {
            return result.check(helpers.map_delete_elem(self, key));
        }
    };
}
