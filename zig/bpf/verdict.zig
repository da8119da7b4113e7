//! What programs return when a safety check fails, where their kind's neutral verdict is not wanted:
//! `pub const trap_verdicts = .{ .prog = .drop };` in the probe. Values are an `i32` or a verdict of the program's
//! kind, which `.drop` is only of one that `programs` names; the build refuses a number that the kernel does not
//! take from programs of the kind.

const std = @import("std");
const author = @import("author.zig").file;
const kinds = @import("program/kinds.zig");
const marker = @import("marker.zig");

const usage = "`pub const trap_verdicts = .{ .prog = -1 };` gives an i32 for each program";
const range = "which the program returns when a check fails (-2147483648 to 2147483647)";

comptime {
    if (@hasDecl(author, "trap_verdicts")) {
        const info = @typeInfo(@TypeOf(author.trap_verdicts));
        if (info != .@"struct" or info.@"struct".is_tuple) @compileError("trap_verdicts names programs and their verdicts: " ++ usage);
        for (info.@"struct".field_names) |program| {
            assertName(program);
            asm (marker.verdict(program, number(program, @field(author.trap_verdicts, program))));
        }
    }
}

/// Refuses what could be no symbol's name. (That there is such a program is for the finisher to see:
/// another file may export it.)
fn assertName(comptime program: []const u8) void {
    for (program) |letter| {
        if (!std.ascii.isAlphanumeric(letter) and letter != '_') @compileError("trap_verdicts." ++ program ++ ": no program can have this name: " ++ usage);
    }
}

/// The author's value, if an i32 can hold it or it is a verdict of the program's kind.
fn number(comptime program: []const u8, comptime value: anytype) i32 {
    const wanted = "trap_verdicts." ++ program ++ ": an i32 is wanted, " ++ range ++ ", not ";
    switch (@typeInfo(@TypeOf(value))) {
        .int, .comptime_int => {},
        .@"enum" => {
            const Verdict = Wanted(program) orelse @TypeOf(value);
            if (@TypeOf(value) != Verdict) @compileError("trap_verdicts." ++ program ++ ": its kind's verdict is wanted, " ++ @typeName(Verdict) ++ ", or an i32, not a value of type " ++ @typeName(@TypeOf(value)));
            return @backingInt(value);
        },
        .enum_literal => {
            const Verdict = Wanted(program) orelse @compileError(if (unknown(program)) |text| text else "trap_verdicts." ++ program ++ ": `." ++ @tagName(value) ++ "` is known of programs with verdicts that `programs` names; say a number, or bpf.XDP." ++ @tagName(value));
            if (!@hasField(Verdict, @tagName(value))) {
                var known: []const u8 = "";
                for (@typeInfo(Verdict).@"enum".field_names) |tag| known = known ++ " ." ++ tag;
                @compileError("trap_verdicts." ++ program ++ ": programs of section '" ++ @field(author.programs, program) ++ "' have no verdict ." ++ @tagName(value) ++ "; they have" ++ known);
            }
            return @backingInt(@as(Verdict, value));
        },
        else => @compileError(wanted ++ "a value of type " ++ @typeName(@TypeOf(value))),
    }
    if (value < std.math.minInt(i32) or value > std.math.maxInt(i32)) @compileError(wanted ++ marker.decimal(value));
    return value;
}

/// What to say of a name that is none of those in `programs`; null where it is one, or there is no such list.
fn unknown(comptime program: []const u8) ?[]const u8 {
    if (!@hasDecl(author, "programs") or @hasField(@TypeOf(author.programs), program)) return null;
    var known: []const u8 = "";
    for (@typeInfo(@TypeOf(author.programs)).@"struct".field_names) |name| known = known ++ (if (known.len == 0) " '" else ", '") ++ name ++ "'";
    return "trap_verdicts." ++ program ++ ": no program '" ++ program ++ "' in `programs`; there are" ++ known ++ ". Of one that is exported otherwise say a number, or the verdict with its type, bpf.XDP.drop";
}

/// The verdicts of a program's kind; null where they are numbers, or nobody says here what kind it is.
fn Wanted(comptime program: []const u8) ?type {
    if (!@hasDecl(author, "programs") or !@hasField(@TypeOf(author.programs), program)) return null;
    const Verdict = kinds.of(@field(author.programs, program)).Verdict;
    return if (@typeInfo(Verdict) == .@"enum") Verdict else null;
}
