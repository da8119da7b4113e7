//! Indexes of every width, on the ways by which they come to a table: what is checked must be what is used.
//!
//! A program for each: `u8_argument_byte` is given a number of 8 bits as an argument, and uses it for a byte.

const std = @import("std");
const bpf = @import("bpf");

const Record = extern struct { first: u32, second: u32, third: u32 };

export var bytes: [16]u8 = @splat(0);
export var words: [16]u64 = @splat(0);
export var records: [16]Record = @splat(.{ .first = 0, .second = 0, .third = 0 });
export var trace: u64 = 0;

fn eql(one: []const u8, other: []const u8) bool {
    return std.mem.eql(u8, one, other);
}

fn number(comptime T: type, value: u64) T {
    return @bitCast(@as(@Int(.unsigned, @bitSizeOf(T)), @truncate(value)));
}

inline fn note(comptime T: type, value: T) void {
    trace +%= if (@typeInfo(T).int.signedness == .signed) @bitCast(@as(i64, value)) else value;
}

const uses = struct {
    pub inline fn byte(at: anytype) void {
        bytes[@intCast(at)] +%= 1;
    }

    pub inline fn record(at: anytype) void {
        records[@intCast(at)].second +%= 1;
    }

    /// All up to there.
    pub inline fn part(at: anytype) void {
        for (words[0..@intCast(at)]) |*word| word.* +%= 1;
    }
};

fn Ways(comptime T: type, comptime use: anytype) type {
    return struct {
        pub fn direct(value: T) void {
            note(T, value);
            use(value);
        }

        pub fn argument(value: T) void {
            take(value);
        }

        noinline fn take(value: T) void {
            note(T, value);
            use(value);
        }

        pub fn result(value: T) void {
            const found = give(value);
            note(T, found);
            use(found);
        }

        noinline fn give(value: T) T {
            trace +%= 1;
            return value ^ 1;
        }

        pub fn behind_if(value: T) void {
            note(T, value);
            if (value >= 0 and value < 10) use(value);
        }

        pub fn loop(value: T) void {
            var at = value;
            for (0..3) |_| {
                note(T, at);
                use(at);
                at +%= 1;
            }
        }

        pub fn least(value: T) void {
            const found: T = @min(value, 9);
            note(T, found);
            use(found);
        }

        pub fn most(value: T) void {
            const found: T = @max(value, 2);
            note(T, found);
            use(found);
        }

        pub fn clamped(value: T) void {
            const found: T = std.math.clamp(value, 1, 9);
            note(T, found);
            use(found);
        }

        pub fn sum(value: T) void {
            const found = value + number(T, trace & 1);
            note(T, found);
            use(found);
        }
    };
}

fn Program(comptime T: type, comptime way: fn (T) void) type {
    return struct {
        fn run(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") callconv(.c) c_int {
            way(number(T, ctx.args[0]));
            return 7;
        }
    };
}

comptime {
    @setEvalBranchQuota(10_000);
    for (.{ u8, u16, u32, u64, i8, i16, i32, i64 }) |T| {
        for (@typeInfo(uses).@"struct".decl_names) |use| {
            const ways = Ways(T, @field(uses, use));
            for (@typeInfo(ways).@"struct".decl_names) |way| {
                // `words[0..@max(signed, 2)]`: LLVM compares one half of the number, and loops up to another.
                if (@typeInfo(T).int.signedness == .signed and eql(way, "most") and eql(use, "part")) continue;
                const name = @typeName(T) ++ "_" ++ way ++ "_" ++ use;
                @export(&Program(T, @field(ways, way)).run, .{ .name = name });
            }
        }
    }
}

/// LLVM uses the pointer to the first element for the second, and compares the index alone again.
export fn neighbours(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    const at = ctx.args[0];
    words[at] += 1;
    words[at + 1] += 2;
    return 7;
}

/// `at - 1 > at` tells the verifier nothing: it knows how far apart they are, and keeps that.
export fn around(ctx: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    const at = ctx.args[0];
    words[at + 1] += words[at];
    words[at - 1] += words[at + 2];
    return 7;
}
