//! Every construct whose Zig type information C readers refuse, in one object.

const std = @import("std");
const bpf = @import("bpf");

fn Pair(comptime A: type, comptime B: type) type {
    return extern struct { first: A, second: B };
}

const Kind = enum(u32) { first = 1, second = 2, @"with space" = 3 };
const Choice = extern union { number: u64, bytes: [8]u8 };
const Node = extern struct { next: ?*Node, value: u64, opaque_pointer: ?*anyopaque };

const Leaf = extern struct { value: u64, more: u64 };

const Event = extern struct {
    time: u64,
    pair: Pair(u32, u32),
    choice: Choice,
    text: bpf.Text(16),
    raw: [6]u8,
    flag: bool,
    small: i8,
    kind: Kind,
    matrix: [2][2]u32,
    list: [3]i16,
    reserved: [3]u16,
    node: Leaf,
};

// Not extern: Zig orders the fields as it likes.
const Loose = struct { small: u8, large: u64, medium: u32 };

export var pairs: bpf.Hash(Pair(u32, u32), Pair(u64, u64), 64) linksection(".maps") = .{};
export var per_cpu: bpf.PerCpuArray(u64, 4) linksection(".maps") = .{};
export var values: bpf.Array(Loose2, 8) linksection(".maps") = .{};
export var ring: bpf.RingBuf(Event).with(.{ .max_entries = 8192 }) linksection(".maps") = .{};
export var perf: bpf.PerfEventArrayOf(Event) linksection(".maps") = .{};
export var numbers: bpf.RingBuf(u64) linksection(".maps") = .{};
export var old: bpf.PerfEventArray linksection("maps") = bpf.PerfEventArray.init(0, 0);

const Loose2 = extern struct { a: u64, b: [4]u16 };

export var limit: u32 linksection(".rodata") = 10;
export var enabled: bool linksection(".rodata") = true;
export var label: bpf.Text(8) linksection(".rodata") = .{ 'h', 'e', 'y', 0, 0, 0, 0, 0 };
export var counter: u64 = 0;
export var preset: i32 = -7;
export var kind: Kind = .second;
export var pair: Pair(u8, u8) = .{ .first = 1, .second = 2 };
var hidden: u64 = 5;
var loose: Loose = .{ .small = 1, .large = 2, .medium = 3 };

const table = [_]u32{ 3, 1, 4, 1, 5, 9, 2, 6 };

noinline fn pick(index: u32) u32 {
    return table[index & 7];
}

noinline fn mayFail(value: u64) error{ TooLarge, Odd }!void {
    if (value > limit) return error.TooLarge;
    if (value & 1 == 1) return error.Odd;
    hidden +%= value;
}

noinline fn find(node: ?*Node, wanted: ?*const Pair(u32, u32)) ?*Pair(u64, u64) {
    if (node == null) return null;
    return pairs.lookup(wanted orelse return null);
}

export fn first(ctx: *bpf.SkBuff) linksection("socket") c_int {
    var node: Node = .{ .next = null, .value = 1, .opaque_pointer = null };
    const key: Pair(u32, u32) = .{ .first = ctx.len, .second = pick(ctx.len) };
    if (find(&node, &key)) |found| {
        found.first +%= 1;
    } else {
        pairs.update(&key, &.{ .first = 1, .second = 2 }, bpf.ANY) catch |err| switch (err) {
            error.NoSpace => counter +%= 100,
            else => counter +%= 1,
        };
    }
    mayFail(ctx.len) catch {
        loose.large +%= 1;
        loose.small = 2;
    };
    if (per_cpu.lookup(2)) |found| found.* +%= 1;
    if (values.lookup(ctx.len & 7)) |found| found.b[1] = 7;
    return 0;
}

export fn second(ctx: *bpf.SkBuff) linksection("socket2") c_int {
    if (!enabled) return 0;
    var event: Event = std.mem.zeroes(Event);
    event.time = 0x0102030405060708;
    event.pair = .{ .first = ctx.len, .second = 0xbeef };
    event.kind = .second;
    event.choice.number = 0x1122334455667788;
    event.text[0] = 'o';
    event.text[1] = 'k';
    event.raw = .{ 1, 2, 3, 4, 5, 6 };
    event.flag = true;
    event.small = -3;
    event.list = .{ -1, 2, -3 };
    event.matrix = .{ .{ 1, 2 }, .{ 3, 4 } };
    event.node.value = 99;
    ring.output(&event) catch {};
    perf.output(ctx, &event) catch {};
    var number: u64 = limit;
    numbers.output(&number) catch {};
    old.event_output(ctx, bpf.F_CURRENT_CPU, std.mem.asBytes(&number)) catch {};
    if (label[0] == 'x') bpf.printk("label %d of %s\n", .{ limit, "hostile" });
    if (kind == .first and pair.first == 9 and preset > 4) counter +%= 1;
    counter +%= 1;
    return 0;
}
