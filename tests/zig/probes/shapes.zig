//! Types of every shape that Zig knows, as variables and in events: names, sizes and kinds that C has not.

const std = @import("std");
const bpf = @import("bpf");

const V4 = struct {
    const Header = extern struct { a: u32 };
};
const @"quoted type" = extern struct { @"a b": u32, @"ü": u16, @"1st": u16 };
const @"Ünï" = extern struct { x: u64 };
const Type2 = extern struct { a2: u8, b: u8, c: u16, d: u32 };
const Deep = extern struct { a: extern struct { b: extern struct { c: extern struct { d: extern struct { e: u32 } } } } };
const Flags = packed struct(u32) { one: bool, two: u3, three: u12, rest: u16 };
const Wide = enum(u64) { small = 1, huge = 0x1234_5678_9abc_def0, top = 0xffff_ffff_ffff_ffff };
const Negative = enum(i64) { minus = -5, low = -0x1234_5678_9abc, zero = 0 };
const Widest = enum(u128) { one = 1, huge = 1 << 100 };
const Small = enum(i8) { minus = -1, one = 1 };
const Three = enum(u2) { a, b, c };
const Tagged = union(enum) { number: u32, nothing, pair: extern struct { x: u16, y: u16 } };
const Unknown = opaque {};
const Tree = struct { left: ?*Tree, right: ?*const Tree, visit: ?*const fn (*Tree) Type2 };
const Vectors = struct { bools: @Vector(16, bool), numbers: @Vector(4, i16), one: u8 };
const Results = struct { nothing: error{A}!void, byte: ?u8, flag: ?bool, slice: []const Type2, either: union { a: u8, b: u16 } };

fn Ring(comptime T: type, comptime from: comptime_int, comptime to: comptime_int) type {
    return extern struct { items: [to - from]T, place: u64 };
}

fn Chosen(comptime T: type) type {
    return extern struct {
        pub const btf = "chosen_name";
        value: T,
    };
}

/// Of the same last identifier as its own inner type.
pub const Public = extern struct {
    pub const btf = "public_name";
    const Public = u32;
    value: @This().Public,
};

const Event = extern struct {
    wide: Wide,
    negative: Negative,
    large: u128,
    flags: Flags,
    small: Small,
    double: f64,
    half: f16,
    chosen: Chosen(u32),
    choice: extern union { number: u32, bytes: [4]u8 },
};

export var ring: bpf.RingBuf(Event) linksection(".maps") = .{};

var quoted: @"quoted type" = .{ .@"a b" = 1, .@"ü" = 2, .@"1st" = 3 };
var unicode: @"Ünï" = .{ .x = 4 };
var header: V4.Header = .{ .a = 5 };
var deep: Deep = .{ .a = .{ .b = .{ .c = .{ .d = .{ .e = 6 } } } } };
var flags: Flags = .{ .one = true, .two = 2, .three = 3, .rest = 4 };
var wide: Wide = .huge;
var negative: Negative = .low;
var widest: Widest = .one;
var small: Small = .minus;
var three: Three = .b;
var tagged: Tagged = .{ .number = 7 };
var tuple: struct { u32, u8, i64 } = .{ 1, 2, 3 };
var anonymous: struct { x: u32, inner: struct { y: u8 } } = .{ .x = 1, .inner = .{ .y = 2 } };
var nested: Ring(Ring(Type2, 0, 2), -1, 1) = std.mem.zeroes(Ring(Ring(Type2, 0, 2), -1, 1));
var twin: Ring(Ring(Type2, 0, 2), 0, 1) = std.mem.zeroes(Ring(Ring(Type2, 0, 2), 0, 1));
var public: Public = .{ .value = 8 };
var unsigned128: u128 = 1 << 100;
var signed128: i128 = -1;
var unsigned24: u24 = 9;
var signed7: i7 = -9;
var unsigned256: u256 = 1;
var vector: @Vector(4, u32) = .{ 1, 2, 3, 4 };
var vectors: Vectors = .{ .bools = @splat(true), .numbers = .{ 1, -2, 3, -4 }, .one = 1 };
var half: f16 = 0.5;
var double: f64 = 1.5;
var extended: f80 = 1;
var quadruple: f128 = 1;
var optional: ?u32 = 10;
var optional_struct: ?Type2 = .{ .a2 = 1, .b = 2, .c = 3, .d = 4 };
var optional_pointer: ?*Unknown = null;
var result: error{ A, B }!u32 = 11;
var results: Results = .{ .nothing = {}, .byte = null, .flag = true, .slice = &.{}, .either = .{ .b = 5 } };
var failure: anyerror = error.B;
var sentinel: [4:0]u8 = "abcd".*;
var many: ?[*]const u16 = null;
var from_c: [*c]u16 = null;
var function: ?*const fn (u32, []const u8) void = null;
var pointers: [2]?*?*u8 = .{ null, null };
var tree: Tree = .{ .left = null, .right = null, .visit = null };
var by_enum: std.EnumArray(Three, u32) = .initFill(12);
var @"odd name": u32 = 13;

/// The compiler keeps what may be changed here.
fn keep(pointer: anytype) void {
    asm volatile (""
        :
        : [pointer] "r" (pointer),
        : .{ .memory = true });
}

export fn prog(_: *bpf.XdpMd) linksection("xdp") c_int {
    inline for (.{
        &quoted, &unicode, &header, &deep,   &flags,    &wide,      &negative, &widest,          &small,            &three,  &tagged,  &tuple,   &anonymous, &nested, &twin,   &public,   &unsigned128, &signed128, &unsigned24, &signed7,     &unsigned256,
        &vector, &vectors, &half,   &double, &extended, &quadruple, &optional, &optional_struct, &optional_pointer, &result, &results, &failure, &sentinel,  &many,   &from_c, &function, &pointers,    &tree,      &by_enum,    &@"odd name",
    }) |pointer| keep(pointer);
    const event = ring.reserve() orelse return bpf.XDP.PASS;
    event.* = std.mem.zeroes(Event);
    event.wide = .top;
    event.negative = .minus;
    event.large = 1 << 100;
    event.flags = flags;
    event.small = .one;
    event.chosen.value = 14;
    ring.submit(event);
    return bpf.XDP.PASS;
}
