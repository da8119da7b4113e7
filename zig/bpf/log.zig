//! Messages to the kernel's trace pipe (`/sys/kernel/tracing/trace_pipe`), for debugging.

const helpers = @import("helpers.zig");

/// Print with a kernel format ("%d", "%u", "%x", "%llu", "%s", "%p"); integers and pointers as
/// arguments: `bpf.printk("pid %d", .{pid})`. More than three need Linux 5.16.
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

/// The arguments as the kernel wants them, 64 bits each, as many as the format takes.
pub inline fn words(comptime format: []const u8, arguments: anytype) [@typeInfo(@TypeOf(arguments)).@"struct".field_names.len]u64 {
    const fields = @typeInfo(@TypeOf(arguments)).@"struct".field_names;
    comptime if (count(format) != fields.len) @compileError("the format \"" ++ format ++ "\" does not fit the arguments");
    var values: [fields.len]u64 = undefined;
    inline for (fields, 0..) |name, index| values[index] = word(@field(arguments, name));
    return values;
}

/// How many arguments a format takes; "%%" is none.
fn count(comptime format: []const u8) usize {
    var found = 0;
    var index = 0;
    while (index < format.len) : (index += 1) {
        if (format[index] != '%') continue;
        index += 1;
        if (index < format.len and format[index] == '%') continue;
        found += 1;
    }
    return found;
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
