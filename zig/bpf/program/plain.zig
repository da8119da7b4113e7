//! Programs as plain functions: `pub const programs = .{ .drop = "xdp" };` and `pub fn drop(ctx: *bpf.XdpMd) !bpf.XDP`.
//!
//! The section's name says the kind; parameter and result are checked against it. A function may have no
//! parameter, and return nothing, one of the kind's verdicts, or an error: then the program ends with the kind's neutral
//! verdict, and Python's `Object.traps` counts the error by name.

const std = @import("std");
const author = @import("../author.zig").file;
const kinds = @import("kinds.zig");
const marker = @import("../marker.zig");
const panic = @import("../panic.zig");

const usage = "`pub const programs = .{ .drop = \"xdp\" };` names functions and their sections";

/// Makes the programs that a namespace's `programs` names: `comptime { bpf.programs(@This()); }` in a file that a probe
/// imports. The probe's own file needs no word.
pub fn programs(comptime namespace: type) void {
    const info = @typeInfo(@TypeOf(namespace.programs));
    if (info != .@"struct" or info.@"struct".is_tuple) @compileError(usage);
    for (info.@"struct".field_names) |name| {
        const Section = @TypeOf(@field(namespace.programs, name));
        if (!marker.isText(Section)) @compileError("programs." ++ name ++ ": its section is text, not " ++ @typeName(Section) ++ "; " ++ usage);
        if (!@hasDecl(namespace, name)) @compileError("programs." ++ name ++ ": there is no such function, or it is not `pub`; " ++ usage);
        const function = @field(namespace, name);
        if (@typeInfo(@TypeOf(function)) != .@"fn") @compileError("programs." ++ name ++ ": a function is wanted, not " ++ @typeName(@TypeOf(function)) ++ "; " ++ usage);
        @export(&Program(name, @field(namespace.programs, name), function).run, .{ .name = name });
    }
}

comptime {
    if (@hasDecl(author, "programs")) programs(author);
}

/// The program that `programs` of a namespace makes of a function, to be put into a `ProgArray` or a struct of functions:
/// `bpf.entry(@This(), "next")`.
pub fn entry(comptime namespace: type, comptime name: []const u8) *const anyopaque {
    if (!@hasField(@TypeOf(namespace.programs), name)) @compileError("programs names no function '" ++ name ++ "'; " ++ usage);
    return &Program(name, @field(namespace.programs, name), @field(namespace, name)).run;
}

fn Program(comptime name: []const u8, comptime section: []const u8, comptime function: anytype) type {
    const kind = kinds.of(section);
    const info = @typeInfo(@TypeOf(function)).@"fn";
    if (info.param_types.len > 1) fault(name, section, "a program has one parameter, its context, or none");
    const given = info.param_types.len == 1;
    const Context = if (given) info.param_types[0] orelse fault(name, section, "the context's type must be said, not `anytype`") else *anyopaque;
    checkContext(name, section, kind, Context);
    return struct {
        fn run(ctx: Context) linksection(section) callconv(.c) c_int {
            const returned = @call(.always_inline, function, if (given) .{ctx} else .{});
            return verdict(name, section, kind, returned);
        }
    };
}

inline fn verdict(comptime name: []const u8, comptime section: []const u8, comptime kind: kinds.Kind, returned: anytype) c_int {
    @setRuntimeSafety(false); // every error has its branch: there is none left for a check to catch
    const Returned = @TypeOf(returned);
    if (Returned == noreturn) return 0;
    if (@typeInfo(Returned) == .error_union) {
        if (@typeInfo(Returned).error_union.error_set == anyerror) fault(name, section, "it may return anyerror, and errors are counted by name: write `!` and the verdict, and Zig finds the errors");
        const good = returned catch |reason| switch (reason) {
            inline else => |known| panic.fail(comptime errorKind(name, section, @errorName(known))),
        };
        return verdict(name, section, kind, good);
    }
    if (Returned == void) return comptime kind.neutral orelse fault(name, section, "it must return a value, for none is neutral: " ++ wanted(kind));
    if (kind.Verdict == i32 and (Returned == i32 or Returned == c_int)) return returned;
    if (kind.Verdict == i32 and Returned == u32) return @bitCast(returned);
    if (Returned == kind.Verdict) return within(Returned, @backingInt(returned));
    fault(name, section, "it returns " ++ @typeName(Returned) ++ "; wanted is " ++ wanted(kind));
}

/// A verdict that is one of its kind for the verifier, too: where one was chosen behind an error, it comes from memory, and
/// the verifier may not know that it is one of them ("At program exit the register R0").
inline fn within(comptime Verdict: type, value: c_int) c_int {
    if (@hasDecl(Verdict, "range")) return @min(@max(value, Verdict.range[0]), Verdict.range[1]);
    return value & comptime bits(Verdict);
}

/// The bits of the verdicts of a kind that has all numbers of a few bits.
fn bits(comptime Verdict: type) c_int {
    const info = @typeInfo(Verdict).@"enum";
    const values = info.field_values;
    const mask = values.len - 1;
    if (info.mode != .exhaustive or values.len & mask != 0) return -1;
    for (values) |value| if (value < 0 or value > mask) return -1;
    return mask;
}

fn errorKind(comptime name: []const u8, comptime section: []const u8, comptime text: []const u8) []const u8 {
    if (!marker.isIdentifier(text)) fault(name, section, "the error '" ++ text ++ "' needs a name of letters, digits and underscores");
    return "error." ++ text;
}

fn checkContext(comptime name: []const u8, comptime section: []const u8, comptime kind: kinds.Kind, comptime Context: type) void {
    const info = @typeInfo(Context);
    if (info != .pointer or info.pointer.size != .one) fault(name, section, "its parameter is " ++ @typeName(Context) ++ "; a pointer to its context is wanted");
    const Pointee = info.pointer.child;
    if (Pointee == anyopaque) return;
    if (kind.contexts.len != 0) {
        for (kind.contexts) |known| if (Pointee == known) return;
        fault(name, section, "its parameter is " ++ @typeName(Context) ++ "; wanted is *const " ++ @typeName(kind.contexts[0]));
    }
    switch (@typeInfo(Pointee)) {
        .@"struct" => |fields| {
            if (fields.layout != .@"extern") fault(name, section, "its context " ++ @typeName(Pointee) ++ " has no defined layout; declare it `extern struct`");
            if (kind.has_arguments) for (fields.field_names, fields.field_types) |member, Type| {
                if (@sizeOf(Type) % 8 != 0) fault(name, section, "argument '" ++ member ++ "' of its context has " ++ marker.decimal(@sizeOf(Type)) ++ " bytes; each argument of a kernel function has eight there: declare it u64 or i64, and cast it");
            };
        },
        .@"opaque", .int, .array => {},
        else => fault(name, section, "its context " ++ @typeName(Pointee) ++ " is no struct"),
    }
}

/// What a program of the kind may return, for messages.
fn wanted(comptime kind: kinds.Kind) []const u8 {
    const plain = if (kind.neutral == null) "" else "void, or ";
    if (kind.Verdict == void) return "void or !void";
    if (kind.Verdict == i32) return plain ++ "i32, also behind `!`";
    var text: []const u8 = plain ++ "bpf." ++ lastName(@typeName(kind.Verdict)) ++ ", also behind `!`:";
    for (@typeInfo(kind.Verdict).@"enum".field_names) |tag| text = text ++ " ." ++ tag;
    return text;
}

fn lastName(comptime full: []const u8) []const u8 {
    if (std.mem.endsWith(u8, full, "xdp.Action")) return "XDP";
    if (std.mem.endsWith(u8, full, "tc.Action")) return "TC";
    return full[if (std.mem.findScalarLast(u8, full, '.')) |dot| dot + 1 else 0..];
}

fn fault(comptime name: []const u8, comptime section: []const u8, comptime why: []const u8) noreturn {
    @compileError("program '" ++ name ++ "' of section '" ++ section ++ "': " ++ why);
}
