//! Messages to the kernel's trace pipe (`/sys/kernel/tracing/trace_pipe`), for debugging.

const std = @import("std");
const helpers = @import("helpers.zig");
const marker = @import("marker.zig");

/// Print with a kernel format ("%d", "%u", "%x", "%llu", "%s", "%p"); integers and pointers as
/// arguments: `bpf.printk("pid %d", .{pid})`. More than three, up to 12, need Linux 5.16. For GPL-compatible programs.
pub inline fn printk(comptime format: []const u8, arguments: anytype) void {
    const text = format ++ "\x00";
    const values = words(format, arguments);
    if (values.len <= 3) {
        const none: [3 - values.len]u64 = @splat(0);
        const three = values ++ none;
        _ = helpers.trace_printk(text, text.len, three[0], three[1], three[2]);
    } else {
        _ = helpers.trace_vprintk(text, text.len, &values, @sizeOf(@TypeOf(values)));
    }
}

/// The arguments as the kernel wants them, 64 bits each, as many as the format takes and of the kinds it takes.
pub inline fn words(comptime format: []const u8, arguments: anytype) [@typeInfo(@TypeOf(arguments)).@"struct".field_names.len]u64 {
    const info = @typeInfo(@TypeOf(arguments)).@"struct";
    comptime check(format, info.field_types);
    var values: [info.field_names.len]u64 = undefined;
    inline for (info.field_names, 0..) |name, index| values[index] = word(@field(arguments, name));
    return values;
}

/// Compares a format with what is to be printed. The kernel reads as much of an argument as the conversion says:
/// 32 bits by "%d", 64 by "%lld"; text and addresses by their own.
fn check(comptime format: []const u8, comptime given: []const type) void {
    @setEvalBranchQuota(100_000);
    var taken: usize = 0;
    var place: usize = 0;
    while (place < format.len) : (place += 1) {
        if (format[place] != '%') continue;
        const start = place;
        place += 1;
        if (place < format.len and format[place] == '%') continue;
        while (place < format.len and isFlag(format[place])) place += 1;
        while (place < format.len and std.ascii.isDigit(format[place])) place += 1;
        var longs = 0;
        while (place < format.len and format[place] == 'l' and longs < 2) : (place += 1) longs += 1;
        if (place == format.len) fault(format, "ends inside a conversion");
        const text = format[start .. place + 1];
        if (taken == given.len) fault(format, "takes more arguments than the " ++ marker.decimal(given.len) ++ " that are given");
        switch (format[place]) {
            'd', 'i', 'u', 'x', 'X', 'c' => checkNumber(format, text, given[taken], if (longs > 0) 64 else 32),
            's' => if (!isPointer(given[taken])) fault(format, "has " ++ text ++ " for a " ++ @typeName(given[taken]) ++ "; it prints text by its address"),
            'p' => {
                switch (@typeInfo(given[taken])) {
                    .pointer, .optional => {},
                    .int => |info| if (info.bits != 64) fault(format, "has %p for a " ++ @typeName(given[taken]) ++ "; it prints an address: a pointer or a u64"),
                    else => fault(format, "has %p for a " ++ @typeName(given[taken]) ++ "; it prints an address: a pointer or a u64"),
                }
                if (!isAddressForm(format[place + 1 ..])) fault(format, "has " ++ format[start .. place + 2] ++ ", which the kernel does not print: %p, %px, %pK, %ps, %pS, %pB, %pks, %pus, %pi4, %pI4, %pi6, %pI6");
            },
            else => fault(format, "has " ++ text ++ ", which the kernel does not print: %d %i %u %x %X (%ld, %llu … for 64 bits), %c, %s, %p, with a width (%08x), but no # and no precision"),
        }
        taken += 1;
    }
    const is_zigs = comptime taken == 0 and std.mem.findScalar(u8, format, '{') != null;
    const advice = if (is_zigs) "; conversions are the kernel's, not Zig's: %d or %u for {d} and {}, %lld or %llu of 64 bits, %x for {x}, %s for {s}" else "";
    if (taken > 12) fault(format, "takes " ++ marker.decimal(taken) ++ " arguments, and the kernel prints 12 at most");
    if (taken != given.len) fault(format, "takes " ++ marker.decimal(taken) ++ " arguments, and " ++ marker.decimal(given.len) ++ " are given" ++ advice);
}

fn checkNumber(comptime format: []const u8, comptime text: []const u8, comptime Type: type, comptime bits: u16) void {
    const wide = switch (@typeInfo(Type)) {
        .int => |info| info.bits > bits,
        .@"enum" => |info| @typeInfo(info.tag_type).int.bits > bits,
        .comptime_int, .bool => false,
        else => fault(format, "has " ++ text ++ " for a " ++ @typeName(Type) ++ "; printk takes integers, booleans, enums and pointers"),
    };
    if (wide) fault(format, "has " ++ text ++ ", which prints 32 bits, for a " ++ @typeName(Type) ++ "; write ll before its letter: %lld, %llu, %llx");
}

fn isFlag(comptime letter: u8) bool {
    return switch (letter) {
        '0', '-', '+', ' ' => true,
        else => false,
    };
}

/// Whether what follows "%p" is one of the kernel's forms of an address.
fn isAddressForm(comptime rest: []const u8) bool {
    if (rest.len == 0 or !std.ascii.isAlphanumeric(rest[0])) return true;
    for ([_][]const u8{ "K", "x", "s", "S", "B", "ks", "us", "i4", "I4", "i6", "I6" }) |form| {
        if (std.mem.startsWith(u8, rest, form)) return true;
    }
    return false;
}

fn isPointer(comptime Type: type) bool {
    return @typeInfo(Type) == .pointer or @typeInfo(Type) == .optional;
}

fn fault(comptime format: []const u8, comptime why: []const u8) noreturn {
    @compileError("the format \"" ++ format ++ "\" " ++ why);
}

inline fn word(value: anytype) u64 {
    return switch (@typeInfo(@TypeOf(value))) {
        .int => |info| if (info.signedness == .signed) @bitCast(@as(i64, value)) else value,
        .comptime_int => if (value < 0) @bitCast(@as(i64, value)) else value,
        .bool => @intFromBool(value),
        .@"enum" => @backingInt(value),
        .pointer, .optional => @intFromPtr(value),
        else => @compileError("printk takes integers, booleans, enums and pointers, not " ++ @typeName(@TypeOf(value))),
    };
}
