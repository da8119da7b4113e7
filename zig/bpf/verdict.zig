//! What programs return when a safety check fails, where their kind's neutral verdict is not wanted:
//! `pub const trap_verdicts = .{ .prog = bpf.XDP.DROP };` in the probe. Values are `i32`; the build
//! refuses one that the kernel does not take from programs of the kind.

const std = @import("std");
const author = @import("author.zig").file;
const marker = @import("marker.zig");

const usage = "`pub const trap_verdicts = .{ .prog = -1 };` gives an i32 for each program";

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

/// The author's value, if an i32 can hold it.
fn number(comptime program: []const u8, comptime value: anytype) i32 {
    const wanted = "trap_verdicts." ++ program ++ ": an i32 is wanted, which the program returns when a check fails (-2147483648 to 2147483647), not ";
    switch (@typeInfo(@TypeOf(value))) {
        .int, .comptime_int => {},
        else => @compileError(wanted ++ "a value of type " ++ @typeName(@TypeOf(value))),
    }
    if (value < std.math.minInt(i32) or value > std.math.maxInt(i32)) @compileError(wanted ++ marker.decimal(value));
    return value;
}
