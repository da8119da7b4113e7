//! Maps that hold maps and programs, filled where they are declared.

const bpf = @import("bpf");

pub const programs = .{ .enter = "socket", .look = "socket", .by_key = "socket", .three = "socket" };

const Inner = bpf.Hash(u32, u64, 8);

export var first: Inner linksection(".maps") = .{};
export var third: Inner linksection(".maps") = .{};
export var outer: bpf.ArrayOfMaps(Inner, 4) linksection(".maps") = .{ .values = .{ &first, null, &third, null } };
export var keyed: bpf.HashOfMaps(u32, Inner, 4) linksection(".maps") = .{};
/// Its inner type is named nowhere else, and no program looks into it.
export var aside: bpf.HashOfMaps(u32, bpf.Hash(u16, u32, 4), 4) linksection(".maps") = .{};

pub fn look(ctx: *bpf.SkBuff) !i32 {
    const inner = outer.lookup(ctx.len & 3) orelse return error.Empty;
    const key: u32 = 1;
    return @truncate(@as(i64, @bitCast((inner.lookup(&key) orelse return error.NoKey).*)));
}

pub fn by_key(ctx: *bpf.SkBuff) !i32 {
    const inner = keyed.lookup(ctx.len) orelse return error.Empty;
    const key: u32 = 1;
    return @truncate(@as(i64, @bitCast((inner.lookup(&key) orelse return error.NoKey).*)));
}

export var jumps: bpf.ProgArray(4) linksection(".maps") = .{ .values = .{ null, &one, &two, bpf.entry(@This(), "three") } };

pub fn enter(ctx: *bpf.SkBuff) !i32 {
    jumps.tailCall(ctx, ctx.len & 3);
    return error.NobodyThere;
}

export fn one(_: *bpf.SkBuff) linksection("socket") c_int {
    return 101;
}

export fn two(ctx: *bpf.SkBuff) linksection("socket") c_int {
    jumps.tailCall(ctx, 1);
    return 102;
}

pub fn three() i32 {
    return 103;
}
