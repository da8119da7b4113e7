//! Where packets may be sent: other interfaces, CPUs and AF_XDP sockets. User space fills these maps.

const helpers = @import("../helpers.zig");
const definition = @import("definition.zig");
const types = @import("../types.zig");
const constants = @import("../constants.zig");
const Action = @import("../program/xdp.zig").Action;
const MapType = constants.MapType;

/// Interfaces by index (Linux 4.14).
pub fn DevMap(comptime max_entries: u32) type {
    return Targets(.devmap, types.bpf_devmap_val, max_entries, .{});
}

/// Interfaces by any number (Linux 5.4).
pub fn DevMapHash(comptime max_entries: u32) type {
    return Targets(.devmap_hash, types.bpf_devmap_val, max_entries, .{});
}

/// CPUs, with the length of the queue of each (Linux 4.15).
pub fn CpuMap(comptime max_entries: u32) type {
    return Targets(.cpumap, types.bpf_cpumap_val, max_entries, .{});
}

/// AF_XDP sockets by queue (Linux 4.18).
pub fn XskMap(comptime max_entries: u32) type {
    return Targets(.xskmap, u32, max_entries, .{});
}

fn Targets(comptime kind: MapType, comptime Value: type, comptime max_entries: u32, comptime options: definition.Options) type {
    definition.assertPlain(Value, "value");
    return extern struct {
        type: definition.Number(@backingInt(kind)) = undefined,
        key: *const u32 = undefined,
        value: *const Value = undefined,
        max_entries: definition.Number(options.max_entries orelse max_entries) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,

        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Targets(kind, Value, max_entries, changed);
        }

        /// Send the packet to what is at `key`; what the XDP program returns then. Where nothing is, it is
        /// `otherwise`, `.aborted` to `.tx` (Linux 5.2).
        pub inline fn redirect(self: *const Self, key: u32, comptime otherwise: Action) Action {
            if (otherwise == .redirect) @compileError("a redirect that finds nothing cannot redirect: .pass, .drop, .tx or .aborted");
            return action(helpers.redirect_map(self, key, @backingInt(otherwise)));
        }

        /// Send the packet to all interfaces of the map, but for the one it came from (DevMap, DevMapHash; Linux 5.13).
        pub inline fn broadcast(self: *const Self) Action {
            if (kind != .devmap and kind != .devmap_hash) @compileError("only maps of interfaces take a packet for all of them");
            return action(helpers.redirect_map(self, 0, constants.F_BROADCAST | constants.F_EXCLUDE_INGRESS));
        }

        /// Whether there is something at `key`.
        pub inline fn has(self: *const Self, key: u32) bool {
            const wanted = key;
            return helpers.map_lookup_elem(self, &wanted) != null;
        }
    };
}

/// The helper returns one of them, and LLVM need not know.
inline fn action(returned: c_long) Action {
    @setRuntimeSafety(false);
    return @fromBackingInt(@as(c_int, @truncate(returned)));
}
