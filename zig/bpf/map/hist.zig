//! Histograms of powers of two, with the sum of what was recorded: enough for means, rates and quantiles.
//!
//! Slot 0 counts zeros, slot k + 1 the values in (2^(k-1), 2^k]: 1 in slot 1, 2 in 2, 3 and 4 in 3. Upper bounds are
//! part of the slot, as Prometheus (`le`) and OpenTelemetry have it. Each CPU has its own numbers, which Python
//! adds up: decl tag `pyzbpf.hist` on the map.

const counter = @import("counter.zig");
const definition = @import("definition.zig");
const helpers = @import("../helpers.zig");
const memory = @import("../memory.zig");
const result = @import("../result.zig");
const MapType = @import("../constants.zig").MapType;

const slot_count = 66; // zero, and 2^0 to 2^64

/// What one CPU has recorded.
const pyzbpf_hist = extern struct {
    /// Of all values; wraps at 2^64.
    sum: u64,
    slots: [slot_count]u64,

    inline fn record(self: *pyzbpf_hist, value: u64) void {
        counter.increase(&self.sum, value);
        counter.increase(&self.slots[memory.index(slot(value), slot_count)], 1);
    }
};

/// One histogram (Linux 4.6): `export var sizes: bpf.Hist linksection(".maps") = .{};`, `sizes.record(bytes)`.
pub const Hist = One(.{});

fn One(comptime options: definition.Options) type {
    definition.assertOfFixedSize(options, "one histogram; bpf.HistBy has one for each key");
    return extern struct {
        type: definition.Number(@backingInt(MapType.percpu_array)) = undefined,
        key: *const u32 = undefined,
        value: *const pyzbpf_hist = undefined,
        max_entries: definition.Number(1) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,
        /// Says what the numbers are; the build turns it into a decl tag.
        pyzbpf_hist: *const u8 = undefined,

        const Self = @This();

        /// The same map with other flags or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return One(changed);
        }

        /// The slot of a value: 0 for zero, else one more than its logarithm to base 2, rounded up.
        pub const slotOf = slot;

        /// Count a value.
        pub inline fn record(self: *const Self, value: u64) void {
            @setRuntimeSafety(false); // the pointer is the kernel's: an alignment check is refused by the verifier
            const first: u32 = 0;
            const found: ?*Value = @ptrCast(@alignCast(helpers.map_lookup_elem(self, &first)));
            Value.record(found orelse return, value);
        }
    };
}

const Value = pyzbpf_hist;

comptime {
    definition.assertPlain(Value, "value");
}

/// A histogram for each key, up to `max_entries` of them (Linux 4.6).
pub fn HistBy(comptime Key: type, comptime max_entries: u32) type {
    return Keyed(Key, max_entries, .{});
}

fn Keyed(comptime Key: type, comptime max_entries: u32, comptime options: definition.Options) type {
    definition.assertPlain(Key, "key");
    definition.assertPlain(Value, "value");
    return extern struct {
        type: definition.Number(@backingInt(MapType.percpu_hash)) = undefined,
        key: *const Key = undefined,
        value: *const Value = undefined,
        max_entries: definition.Number(options.max_entries orelse max_entries) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,
        /// Says what the numbers are; the build turns it into a decl tag.
        pyzbpf_hist: *const u8 = undefined,

        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Keyed(Key, max_entries, changed);
        }

        /// Count a value for a key; `error.NoSpace` where there is no room for a new key.
        pub inline fn record(self: *const Self, key: *const Key, value: u64) result.Error!void {
            Value.record(try counter.entry(Value, self, key), value);
        }
    };
}

fn slot(value: u64) usize {
    return if (value == 0) 0 else 65 - @as(usize, @clz(value - 1));
}
