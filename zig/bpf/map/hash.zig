//! Hash maps: any key, any value.

const helpers = @import("../helpers.zig");
const definition = @import("definition.zig");
const result = @import("../result.zig");
const walk = @import("walk.zig");
const constants = @import("../constants.zig");
const MapType = constants.MapType;

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

/// Both: evicts what was used least recently, one value per CPU (Linux 4.10).
pub fn LruPerCpuHash(comptime Key: type, comptime Value: type, comptime max_entries: u32) type {
    return Keyed(.lru_percpu_hash, Key, Value, max_entries, .{});
}

/// The key of an `LpmTrie`: how many bits of `data` count, then the data, most significant byte first.
pub fn Prefix(comptime Data: type) type {
    return extern struct { prefixlen: u32, data: Data };
}

/// Values by prefix (Linux 4.11): `lookup` finds the longest prefix of `Data` that fits, of a key whose `prefixlen` is
/// that of all its bits. Addresses as `[4]u8` and `[16]u8`, in the order of the network.
pub fn LpmTrie(comptime Data: type, comptime Value: type, comptime max_entries: u32) type {
    if (@sizeOf(Data) > 256) @compileError("the data of a prefix has up to 256 bytes, not " ++ @import("../marker.zig").decimal(@sizeOf(Data)));
    return Keyed(.lpm_trie, Prefix(Data), Value, max_entries, .{ .flags = constants.F_NO_PREALLOC });
}

fn Keyed(
    comptime kind: MapType,
    comptime Key: type,
    comptime Value: type,
    comptime max_entries: u32,
    comptime options: definition.Options,
) type {
    definition.assertPlain(Key, "key");
    definition.assertFilled(Key, "key");
    definition.assertPlain(Value, "value");
    return extern struct {
        type: definition.Number(@backingInt(kind)) = undefined,
        key: *const Key = undefined,
        value: *const Value = undefined,
        max_entries: definition.Number(options.max_entries orelse max_entries) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,

        pub const KeyType = Key;
        pub const ValueType = Value;
        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            comptime var all = changed;
            all.flags |= options.flags;
            return Keyed(kind, Key, Value, max_entries, all);
        }

        /// A pointer to the value in the map (of this CPU), or null where the key is not there.
        pub inline fn lookup(self: *const Self, key: *const Key) ?*Value {
            @setRuntimeSafety(false); // the pointer is the kernel's: an alignment check is refused by the verifier
            return @ptrCast(@alignCast(helpers.map_lookup_elem(self, key)));
        }

        /// Store a value; `flags` is `bpf.ANY`, `bpf.NOEXIST` or `bpf.EXIST`.
        pub inline fn update(self: *const Self, key: *const Key, value: *const Value, flags: u64) result.Error!void {
            comptime definition.assertFilled(Value, "value");
            return result.check(helpers.map_update_elem(self, key, value, flags));
        }

        /// The same on another CPU (per-CPU kinds; Linux 5.19).
        pub inline fn lookupCpu(self: *const Self, key: *const Key, cpu: u32) ?*Value {
            @setRuntimeSafety(false);
            return @ptrCast(@alignCast(helpers.map_lookup_percpu_elem(self, key, cpu)));
        }

        /// Call `body(&key, &value, context) bpf.Next` for each entry until it returns `.stop` (not for prefixes;
        /// Linux 5.13). A safety check that fails in the body ends the program.
        pub inline fn forEach(self: *const Self, context: anytype, comptime body: fn (*const Key, *Value, @TypeOf(context)) walk.Next) void {
            walk.forEach(Key, Value, self, context, body);
        }

        /// Remove a key; `error.NotFound` where it is not there.
        pub inline fn delete(self: *const Self, key: *const Key) result.Error!void {
            return result.check(helpers.map_delete_elem(self, key));
        }
    };
}

/// A hash table that grows and shrinks with what it holds (Linux 7.2): `max_entries` is a limit and takes no memory.
pub fn ResizableHash(comptime Key: type, comptime Value: type, comptime max_entries: u32) type {
    return Keyed(.rhash, Key, Value, max_entries, .{ .flags = constants.F_NO_PREALLOC });
}
