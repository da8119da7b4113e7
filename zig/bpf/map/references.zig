//! Maps of things that only the kernel can use: programs, maps, control groups, counters of perf.

const helpers = @import("../helpers.zig");
const definition = @import("definition.zig");
const result = @import("../result.zig");
const types = @import("../types.zig");
const constants = @import("../constants.zig");
const MapType = constants.MapType;

/// Programs of the same kind by index, for tail calls (Linux 4.2).
///
/// Which they are is said here, `.{ .values = .{ &first, null, &third } }` with `export fn`, `bpf.entry(@This(), "first")`
/// for a plain function, or by user space.
pub fn ProgArray(comptime max_entries: u32) type {
    return Programs(max_entries, .{});
}

fn Programs(comptime given: u32, comptime options: definition.Options) type {
    const max_entries = options.max_entries orelse given;
    return extern struct {
        type: definition.Number(@backingInt(MapType.prog_array)) = undefined,
        key: *const u32 = undefined,
        value_size: definition.Number(4) = undefined,
        max_entries: definition.Number(max_entries) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,
        values: [max_entries]?*const anyopaque = @splat(null),

        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Programs(max_entries, changed);
        }

        /// Go on with the program at `index`, which returns to nobody; comes back only where there is none (or at the
        /// 33rd tail call in a row).
        pub inline fn tailCall(self: *const Self, context: anytype, index: u32) void {
            _ = helpers.tail_call(@ptrCast(@constCast(context)), self, index);
        }
    };
}

/// Maps of one type by index (Linux 4.12): `bpf.ArrayOfMaps(bpf.Hash(u32, u64, 16), 4)`, filled here,
/// `.{ .values = .{ &first, &second, null, null } }`, or by user space.
pub fn ArrayOfMaps(comptime Inner: type, comptime max_entries: u32) type {
    return Nested(.array_of_maps, u32, Inner, max_entries, .{});
}

/// Maps of one type by key (Linux 4.12), filled by user space.
pub fn HashOfMaps(comptime Key: type, comptime Inner: type, comptime max_entries: u32) type {
    return Nested(.hash_of_maps, Key, Inner, max_entries, .{});
}

fn Nested(
    comptime kind: MapType,
    comptime Key: type,
    comptime Inner: type,
    comptime given: u32,
    comptime options: definition.Options,
) type {
    definition.assertPlain(Key, "key");
    definition.assertFilled(Key, "key");
    _ = @sizeOf(Inner); // else Zig leaves a type behind a pointer without members, unless something else looks at it
    const max_entries = options.max_entries orelse given;
    const shown = if (kind == .array_of_maps) max_entries else 1; // none would leave the member out of the type information
    return extern struct {
        type: definition.Number(@backingInt(kind)) = undefined,
        key: *const Key = undefined,
        max_entries: definition.Number(max_entries) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,
        values: [shown]?*const Inner = @splat(null),

        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Nested(kind, Key, Inner, max_entries, changed);
        }

        /// The map at a key (an index), or null where there is none.
        pub inline fn lookup(self: *const Self, key: Key) ?*const Inner {
            @setRuntimeSafety(false); // the pointer is the kernel's: an alignment check is refused by the verifier
            const wanted = key;
            return @ptrCast(@alignCast(helpers.map_lookup_elem(self, &wanted)));
        }
    };
}

/// Control groups by index, filled by user space (Linux 4.8).
pub fn CgroupArray(comptime max_entries: u32) type {
    return Groups(max_entries, .{});
}

fn Groups(comptime max_entries: u32, comptime options: definition.Options) type {
    return extern struct {
        type: definition.Number(@backingInt(MapType.cgroup_array)) = undefined,
        key: *const u32 = undefined,
        value: *const u32 = undefined,
        max_entries: definition.Number(options.max_entries orelse max_entries) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,

        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Groups(max_entries, changed);
        }

        /// Whether the task that runs is in the control group at `index`, or below it (Linux 4.9).
        pub inline fn hasCurrentTask(self: *const Self, index: u32) result.Error!bool {
            return try result.value(u32, helpers.current_task_under_cgroup(self, index)) != 0;
        }

        /// Whether the socket of a packet is (tc programs).
        pub inline fn hasPacket(self: *const Self, context: *types.__sk_buff, index: u32) result.Error!bool {
            return try result.value(u32, helpers.skb_under_cgroup(context, self, index)) != 0;
        }
    };
}

/// Counters of perf, one for each CPU, filled by user space with perf events (Linux 4.3).
pub fn PerfCounterArray(comptime max_entries: u32) type {
    return PerfCounters(max_entries, .{});
}

fn PerfCounters(comptime max_entries: u32, comptime options: definition.Options) type {
    return extern struct {
        type: definition.Number(@backingInt(MapType.perf_event_array)) = undefined,
        key_size: definition.Number(4) = undefined,
        value_size: definition.Number(4) = undefined,
        max_entries: definition.Number(options.max_entries orelse max_entries) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,
        /// Says that it is no perf buffer; the build turns it into a decl tag.
        pyzbpf_perf_counters: *const u8 = undefined,

        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return PerfCounters(max_entries, changed);
        }

        /// The counter of this CPU, and for how long it has counted (Linux 4.15). For GPL-compatible programs.
        pub inline fn read(self: *const Self) result.Error!types.bpf_perf_event_value {
            var value: types.bpf_perf_event_value = undefined;
            try result.check(helpers.perf_event_read_value(self, constants.F_CURRENT_CPU, &value, @sizeOf(types.bpf_perf_event_value)));
            return value;
        }
    };
}
