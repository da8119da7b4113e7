//! A program for each kind of safety check: it returns a number for good arguments, and for bad ones
//! the check fails. All stand in one section.

const bpf = @import("bpf");

const Context = *const bpf.RawTracepoint;
const here = "raw_tp/sys_enter";

export var table: [16]u64 = .{ 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25 };
export var bytes: [32]u8 = @splat(7);
export var target: [32]u8 = @splat(0);

const Color = enum(u8) { red = 1, green = 2, blue = 3 };
const Choice = union(enum) { small: u32, large: u64 };
const Found = error{ First, Second, Third };
const Nobody = enum {};

export var shared: Color = .red;

export fn index(ctx: Context) linksection(here) c_int {
    table[ctx.args[0]] +%= 1;
    return @intCast(table[ctx.args[0]]);
}

export fn slice_index(ctx: Context) linksection(here) c_int {
    const part = table[0..@min(ctx.args[1], 16)];
    return @intCast(part[ctx.args[0]]);
}

export fn slice_end(ctx: Context) linksection(here) c_int {
    return @intCast(table[2..ctx.args[0]].len);
}

export fn slice_start(ctx: Context) linksection(here) c_int {
    return @intCast(table[ctx.args[0] & 7 .. ctx.args[1] & 7].len);
}

export fn cast(ctx: Context) linksection(here) c_int {
    const narrow: u8 = @intCast(ctx.args[0]);
    return narrow;
}

export fn cast_sign(ctx: Context) linksection(here) c_int {
    const signed: i64 = @bitCast(ctx.args[0]);
    const unsigned: u32 = @intCast(signed);
    return @intCast(unsigned & 0xff);
}

export fn add(ctx: Context) linksection(here) c_int {
    const a: u32 = @truncate(ctx.args[0]);
    const b: u32 = @truncate(ctx.args[1]);
    return @bitCast(a + b);
}

export fn subtract(ctx: Context) linksection(here) c_int {
    return @truncate(@as(i64, @bitCast(ctx.args[0] - ctx.args[1])));
}

export fn multiply(ctx: Context) linksection(here) c_int {
    const a: u32 = @truncate(ctx.args[0]);
    const b: u32 = @truncate(ctx.args[1]);
    return @bitCast(a * b);
}

export fn multiply_64(ctx: Context) linksection(here) c_int {
    return @truncate(@as(i64, @bitCast(bpf.mul(ctx.args[0], ctx.args[1]))));
}

export fn multiply_signed(ctx: Context) linksection(here) c_int {
    return @truncate(bpf.mulSigned(@bitCast(ctx.args[0]), @bitCast(ctx.args[1])));
}

export fn negate(ctx: Context) linksection(here) c_int {
    const a: i32 = @bitCast(@as(u32, @truncate(ctx.args[0])));
    return -a;
}

export fn shift(ctx: Context) linksection(here) c_int {
    const by: u6 = @intCast(ctx.args[1] & 31);
    const a: u32 = @truncate(ctx.args[0]);
    return @bitCast(@shlExact(a, @as(u5, @truncate(by))));
}

export fn shift_right(ctx: Context) linksection(here) c_int {
    return @truncate(@as(i64, @bitCast(@shrExact(ctx.args[0], 2))));
}

export fn shift_amount(ctx: Context) linksection(here) c_int {
    const by: u5 = @truncate(ctx.args[1]);
    const a: u24 = @truncate(ctx.args[0]);
    return @as(c_int, a << by) + 1;
}

export fn divide(ctx: Context) linksection(here) c_int {
    return @truncate(@as(i64, @bitCast(ctx.args[0] / ctx.args[1])));
}

export fn remainder(ctx: Context) linksection(here) c_int {
    return @truncate(@as(i64, @bitCast(ctx.args[0] % ctx.args[1])));
}

export fn divide_exactly(ctx: Context) linksection(here) c_int {
    return @truncate(@as(i64, @bitCast(@divExact(ctx.args[0], 4))));
}

export fn unwrap_null(ctx: Context) linksection(here) c_int {
    const maybe: ?u64 = if (ctx.args[0] == 1) null else ctx.args[0];
    return @truncate(@as(i64, @bitCast(maybe.?)));
}

export fn unwrap_error(ctx: Context) linksection(here) c_int {
    const result: error{Odd}!u64 = if (ctx.args[0] & 1 == 1) error.Odd else ctx.args[0] / 2;
    const half = result catch unreachable;
    return @truncate(@as(i64, @bitCast(half)));
}

export fn unreachable_case(ctx: Context) linksection(here) c_int {
    return switch (ctx.args[0]) {
        1 => 100,
        2 => 333,
        5 => 7,
        else => unreachable,
    };
}

export fn enum_cast(ctx: Context) linksection(here) c_int {
    const color: Color = @fromBackingInt(@as(u8, @truncate(ctx.args[0])));
    return switch (color) {
        .red => 40,
        .green => 17,
        .blue => 99,
    };
}

export fn error_cast(ctx: Context) linksection(here) c_int {
    const all: Found = switch (ctx.args[0]) {
        1 => error.First,
        2 => error.Second,
        else => error.Third,
    };
    const some: error{ First, Second } = @errorCast(all);
    return if (some == error.First) 50 else 60;
}

export fn error_code(ctx: Context) linksection(here) c_int {
    const found = @errorFromInt(@as(u16, @truncate(ctx.args[0])));
    return @as(c_int, @intFromError(found)) + 30;
}

/// What user space has written is none of them.
export fn switched(ctx: Context) linksection(here) c_int {
    const number: *volatile u8 = @ptrCast(&shared);
    number.* = @truncate(ctx.args[0]);
    const read: *volatile Color = &shared;
    return switch (read.*) {
        .red => 41,
        .green => 42,
        .blue => 43,
    };
}

export fn null_pointer(ctx: Context) linksection(here) c_int {
    const pointer: *align(1) u8 = @ptrFromInt(ctx.args[0]);
    return @truncate(@as(i64, @bitCast(@intFromPtr(pointer) +% 3)));
}

export fn alignment(ctx: Context) linksection(here) c_int {
    const pointer: *u64 = @ptrFromInt(ctx.args[0]);
    return @truncate(@as(i64, @bitCast(@intFromPtr(pointer) +% 3)));
}

export fn union_field(ctx: Context) linksection(here) c_int {
    const choice: Choice = if (ctx.args[0] == 1) .{ .small = 3 } else .{ .large = ctx.args[0] };
    return @truncate(@as(i64, @bitCast(choice.large)));
}

export fn sentinel(ctx: Context) linksection(here) c_int {
    const at = ctx.args[0] & 7;
    bytes[4] = 0;
    const text = bytes[0..at :0];
    return @intCast(text.len + 1);
}

export fn copy_length(ctx: Context) linksection(here) c_int {
    const length = ctx.args[0] & 15;
    @memcpy(target[0..8], bytes[16..][0..length]);
    return target[3];
}

export fn copy_alias(ctx: Context) linksection(here) c_int {
    const at = ctx.args[0] & 15;
    @memcpy(bytes[at..][0..8], bytes[16..24]);
    return 5;
}

export fn slice_cast(ctx: Context) linksection(here) c_int {
    const part = bytes[0..@min(ctx.args[0], 32)];
    const words: []align(1) const u32 = @ptrCast(part);
    return @intCast(words.len + 1);
}

export fn for_length(ctx: Context) linksection(here) c_int {
    var sum: u32 = 0;
    for (bytes[16..24], target[16 .. 16 + (ctx.args[0] & 15)]) |a, b| sum += a + b;
    return @bitCast(sum);
}

/// There is no value of its type.
export fn no_value(ctx: Context) linksection(here) c_int {
    const nobody: *const Nobody = @ptrCast(&bytes);
    if (ctx.args[0] == 1) {
        table[1] = 7;
        _ = nobody.*;
    }
    return 1;
}

/// A helper that is declared as if it did not return.
export fn returned(ctx: Context) linksection(here) c_int {
    const ktime: *align(1) const fn () callconv(.c) noreturn = @ptrFromInt(5);
    if (ctx.args[0] == 1) ktime();
    return 1;
}

export fn asked(ctx: Context) linksection(here) c_int {
    if (ctx.args[0] == 3) @panic("three is too many");
    return 1;
}

export fn trapped(ctx: Context) linksection(here) c_int {
    if (ctx.args[0] == 3) @trap();
    return 1;
}
