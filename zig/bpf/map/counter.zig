//! Counters: numbers that only grow, added up over all CPUs where they are read.
//!
//! Each CPU has its own number; adding is atomic all the same, for one program may interrupt another on the
//! same CPU. Python sees one number (or one for each key): decl tag `pyzbpf.counter` on the map.

const std = @import("std");
const definition = @import("definition.zig");
const helpers = @import("../helpers.zig");
const result = @import("../result.zig");
const MapType = @import("../constants.zig").MapType;

/// One counter (Linux 4.6): `export var packets: bpf.Counter linksection(".maps") = .{};`, `packets.add(1)`.
pub const Counter = One(.{});

fn One(comptime options: definition.Options) type {
    definition.assertOfFixedSize(options, "one number; bpf.CounterBy has one for each key");
    return extern struct {
        type: definition.Number(@backingInt(MapType.percpu_array)) = undefined,
        key: *const u32 = undefined,
        value: *const u64 = undefined,
        max_entries: definition.Number(1) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,
        /// Says what the numbers are; the build turns it into a decl tag.
        pyzbpf_counter: *const u8 = undefined,

        const Self = @This();

        /// The same map with other flags or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return One(changed);
        }

        /// Add to the counter.
        pub inline fn add(self: *const Self, amount: u64) void {
            @setRuntimeSafety(false); // the pointer is the kernel's: an alignment check is refused by the verifier
            const first: u32 = 0;
            const found: ?*u64 = @ptrCast(@alignCast(helpers.map_lookup_elem(self, &first)));
            increase(found orelse return, amount);
        }
    };
}

/// A counter for each key, up to `max_entries` of them (Linux 4.6).
pub fn CounterBy(comptime Key: type, comptime max_entries: u32) type {
    return Keyed(Key, max_entries, .{});
}

fn Keyed(comptime Key: type, comptime max_entries: u32, comptime options: definition.Options) type {
    definition.assertPlain(Key, "key");
    return extern struct {
        type: definition.Number(@backingInt(MapType.percpu_hash)) = undefined,
        key: *const Key = undefined,
        value: *const u64 = undefined,
        max_entries: definition.Number(options.max_entries orelse max_entries) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,
        /// Says what the numbers are; the build turns it into a decl tag.
        pyzbpf_counter: *const u8 = undefined,

        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Keyed(Key, max_entries, changed);
        }

        /// Add to the counter of a key; `error.NoSpace` where there is no room for a new key.
        pub inline fn add(self: *const Self, key: *const Key, amount: u64) result.Error!void {
            increase(try entry(u64, self, key), amount);
        }
    };
}

/// Add to a number that others may be adding to.
pub inline fn increase(number: *u64, amount: u64) void {
    _ = @atomicRmw(u64, number, .Add, amount, .monotonic);
}

/// The value of a key in a per-CPU hash table, made of zeros where there is none yet.
pub inline fn entry(comptime Value: type, map: *const anyopaque, key: *const anyopaque) result.Error!*Value {
    @setRuntimeSafety(false); // the pointer is the kernel's: an alignment check is refused by the verifier
    if (helpers.map_lookup_elem(map, key)) |found| return @ptrCast(@alignCast(found));
    result.check(helpers.map_update_elem(map, key, &pyzbpf_zeros(Value).bytes, noexist)) catch |reason| switch (reason) {
        error.AlreadyExists => {}, // another CPU was first
        else => return reason,
    };
    return @ptrCast(@alignCast(helpers.map_lookup_elem(map, key) orelse return error.NotFound));
}

const noexist = @import("../constants.zig").NOEXIST;

/// Zeros that are no part of the stack, which has no room for a histogram. By its name the reader of the object knows that it
/// is no variable of the author's.
fn pyzbpf_zeros(comptime Value: type) type {
    return struct {
        const bytes: Value = std.mem.zeroes(Value);
    };
}
