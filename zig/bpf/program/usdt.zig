//! Statically defined probes of user space: sections "usdt/<file>:<provider>:<name>" (Linux 4.17).
//!
//! Where an argument is differs from place to place: the loader writes it into the map `__bpf_usdt_specs`, and the
//! program finds the record by the cookie of the place (Linux 5.15), before that by its address in
//! `__bpf_usdt_ip_to_spec_id`. Maps and records are those of libbpf's usdt.bpf.h.

const attachCookie = @import("cookie.zig").attachCookie;
const external = @import("../external.zig");
const hash = @import("../map/hash.zig");
const array = @import("../map/array.zig");
const helpers = @import("../helpers.zig");
const is_big_endian = @import("../marker.zig").is_big_endian;
const pt = @import("registers.zig");
const result = @import("../result.zig");

/// How many places with different arguments, and how many places, an object may be attached to at once.
const spec_count = 256;
const place_count = 4 * spec_count;
const most_arguments = 12;

/// The context of a usdt program.
pub const Usdt = opaque {
    /// How many arguments the probe has at this place.
    pub inline fn count(self: *const Usdt) result.Error!u32 {
        return @intCast((try self.spec()).arg_cnt);
    }

    /// Argument `index`, from 0, widened to 64 bits as the probe says. `error.NotFound`: the probe has no such argument
    /// here; others: it cannot be read. For GPL-compatible programs.
    pub inline fn arg(self: *const Usdt, comptime index: comptime_int) result.Error!u64 {
        if (index < 0 or index >= most_arguments) @compileError("a statically defined probe has up to 12 arguments, 0 to 11");
        const found = try self.spec();
        if (index >= found.arg_cnt) return error.NotFound;
        return self.read(&found.args[index]);
    }

    /// The same as a number, an enum, a `bool` or a pointer to a declared type. For GPL-compatible programs.
    pub inline fn argAs(self: *const Usdt, comptime Type: type, comptime index: comptime_int) result.Error!Type {
        return pt.as(Type, try self.arg(index));
    }

    /// The number that the link was given: `attach(cookie=7)` in Python. All kernels have it.
    pub inline fn cookie(self: *const Usdt) result.Error!u64 {
        return (try self.spec()).usdt_cookie;
    }

    /// The registers of the process.
    pub inline fn registers(self: *const Usdt) *const pt.PtRegs {
        return @ptrCast(self);
    }

    inline fn spec(self: *const Usdt) result.Error!*const __bpf_usdt_spec {
        const number: u32 = if (external.kconfig(bool, "LINUX_HAS_BPF_COOKIE")) @truncate(attachCookie(self)) else known: {
            const address: i64 = @bitCast(self.registers().instructionPointer());
            break :known (Maps.places.lookup(&address) orelse return error.NotFound).*;
        };
        return Maps.specs.lookup(number) orelse error.NotFound;
    }

    inline fn read(self: *const Usdt, place: *const __bpf_usdt_arg_spec) result.Error!u64 {
        @setRuntimeSafety(false);
        const shift: u6 = @truncate(place.arg_bitshift);
        var value = place.val_off;
        switch (place.kind()) {
            .constant => {},
            .register => value = self.register(place.reg_off),
            .memory, .indexed_memory => |kind| {
                var address = self.register(place.reg_off) +% place.val_off;
                if (kind == .indexed_memory) address +%= self.register(place.indexRegister()) << place.scale();
                try result.check(helpers.probe_read_user(&value, 8, @ptrFromInt(address)));
                if (is_big_endian) value >>= shift;
            },
            _ => return error.InvalidArgument,
        }
        const left = value << shift;
        return if (place.arg_signed) @bitCast(@as(i64, @bitCast(left)) >> shift) else left >> shift;
    }

    /// The context is no memory that may be read at any place: the helper may.
    inline fn register(self: *const Usdt, offset: i64) u64 {
        return pt.copied(@intFromPtr(self) +% @as(u64, @bitCast(offset)));
    }
};

const Kind = enum(u8) { constant, register, memory, indexed_memory, _ };

const __bpf_usdt_arg_spec = extern struct {
    val_off: u64,
    /// Bit fields in C: 8 bits of kind, 12 of the index register's offset, 4 of the scale, 8 reserved.
    location: u32,
    reg_off: i16,
    arg_signed: bool,
    arg_bitshift: u8,

    inline fn kind(self: *const __bpf_usdt_arg_spec) Kind {
        return @fromBackingInt(@as(u8, @truncate(self.location)));
    }

    inline fn indexRegister(self: *const __bpf_usdt_arg_spec) i64 {
        return (self.location >> if (is_big_endian) 12 else 8) & 0xfff;
    }

    inline fn scale(self: *const __bpf_usdt_arg_spec) u6 {
        return @truncate((self.location >> if (is_big_endian) 8 else 20) & 0xf);
    }
};

const __bpf_usdt_spec = extern struct {
    args: [most_arguments]__bpf_usdt_arg_spec,
    usdt_cookie: u64,
    arg_cnt: i16,
};

/// Only in objects that ask for arguments.
const Maps = struct {
    var specs: array.Array(__bpf_usdt_spec, spec_count) linksection(".maps") = .{};
    var places: hash.Hash(i64, u32, place_count) linksection(".maps") = .{};

    comptime {
        @export(&specs, .{ .name = "__bpf_usdt_specs" });
        @export(&places, .{ .name = "__bpf_usdt_ip_to_spec_id" });
    }
};
