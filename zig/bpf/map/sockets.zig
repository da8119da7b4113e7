//! Maps of sockets: for programs that send data from one to another (sk_skb, sk_msg), that choose one for a packet
//! (sk_lookup, sk_reuseport), or that gather them (sockops).

const helpers = @import("../helpers.zig");
const definition = @import("definition.zig");
const result = @import("../result.zig");
const types = @import("../types.zig");
const constants = @import("../constants.zig");
const SK = @import("../program/verdicts.zig").SK;
const MapType = constants.MapType;

/// Sockets by index (Linux 4.14).
pub fn SockMap(comptime max_entries: u32) type {
    return Sockets(.sockmap, u32, max_entries, .{});
}

/// Sockets by any key (Linux 4.18).
pub fn SockHash(comptime Key: type, comptime max_entries: u32) type {
    return Sockets(.sockhash, Key, max_entries, .{});
}

/// Sockets that share a port, by index (Linux 4.19).
pub fn ReuseportSockArray(comptime max_entries: u32) type {
    return Sockets(.reuseport_sockarray, u32, max_entries, .{});
}

fn Sockets(comptime kind: MapType, comptime Key: type, comptime max_entries: u32, comptime options: definition.Options) type {
    definition.assertPlain(Key, "key");
    definition.assertFilled(Key, "key");
    return extern struct {
        type: definition.Number(@backingInt(kind)) = undefined,
        key: *const Key = undefined,
        value: *const u64 = undefined,
        max_entries: definition.Number(options.max_entries orelse max_entries) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,

        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Sockets(kind, Key, max_entries, changed);
        }

        /// Add the socket of a sockops program; `flags` is `bpf.ANY`, `bpf.NOEXIST` or `bpf.EXIST`.
        pub inline fn add(self: *const Self, context: *types.bpf_sock_ops, key: *const Key, flags: u64) result.Error!void {
            const place: *anyopaque = @ptrCast(@constCast(key));
            if (kind == .reuseport_sockarray) @compileError("sockops programs add to SockMap and SockHash; user space fills this map");
            return result.check(if (kind == .sockmap) helpers.sock_map_update(context, self, place, flags) else helpers.sock_hash_update(context, self, place, flags));
        }

        /// Send the data of an sk_skb or sk_msg program to the socket at `key`; `flags` is 0 (out of it) or
        /// BPF_F_INGRESS (in). What the program returns then: `.drop` where there is no such socket.
        pub inline fn redirect(self: *const Self, context: anytype, key: *const Key, flags: u64) SK {
            const is_message = @TypeOf(context.*) == types.sk_msg_md;
            const place: *anyopaque = @ptrCast(@constCast(key));
            return verdict(switch (kind) {
                .sockmap => if (is_message) helpers.msg_redirect_map(context, self, key.*, flags) else helpers.sk_redirect_map(context, self, key.*, flags),
                .sockhash => if (is_message) helpers.msg_redirect_hash(context, self, place, flags) else helpers.sk_redirect_hash(context, self, place, flags),
                else => @compileError("data is sent to sockets of SockMap and SockHash"),
            });
        }

        /// Let the socket at `key` have the packet (sk_reuseport programs); `error.NotFound` where there is none.
        pub inline fn select(self: *const Self, context: *types.sk_reuseport_md, key: *const Key) result.Error!void {
            return result.check(helpers.sk_select_reuseport(context, self, @ptrCast(@constCast(key)), 0));
        }

        /// Let the socket at `key` have the packet (sk_lookup programs, Linux 5.9); `error.NotFound` where there is none.
        pub inline fn assign(self: *const Self, context: *types.bpf_sk_lookup, key: *const Key) result.Error!void {
            const socket = helpers.map_lookup_elem(self, key) orelse return error.NotFound;
            defer _ = helpers.sk_release(socket);
            return result.check(helpers.sk_assign(context, socket, 0));
        }
    };
}

inline fn verdict(returned: c_long) SK {
    return if (returned == 0) .drop else .pass;
}
