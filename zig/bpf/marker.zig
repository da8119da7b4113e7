//! What the SDK tells the build of single instructions: the contract with pyzbpf's finisher.
//!
//! Inline assembly puts the instruction's address and a text into a section `.pyzbpf.<kind>`. The
//! finisher turns them into what loaders understand and drops the section. Nothing else may write
//! there.
//!
//! Text of a `trap` marker: a member of `panic.zig` and up to two registers: `outOfBounds r3 r1`. Of a
//! `verdict` marker, on a program's first instruction: its name and a number. Of a `callback` marker: what it returns then.
//! A `message` marker, beside that of a trap, has a second address, where the message of a panic lies,
//! and its length as text; or registers in the place of both, where the message is made at run time.
//! A `declaration` has no address: it says what a symbol is that may be undefined (`kfunc NAME prototype`),
//! or what a type is to be called (`type NAME Zig's name`).
//!
//! Text of a `core` marker: kind, root type, then steps, with spaces between: `0 S:task_struct se=S
//! sum_exec_runtime=u8`. A step is `name=description` or `[index]`; descriptions are `i4` `u8` `z1`
//! (bool) `f8` `e4` (enum; a name may follow) `pi4` (pointer, `pv` to nothing that is known) `a16u1` (array)
//! `S` `U` (struct, union; a name may follow) `bu4:3` (3 bits in a 4-byte unsigned; so `bz1:1`, `be4:3`). Root
//! `E:name:u4` is an enum, its steps are `name=number`; `T:name:description` a typedef of what is described.

const std = @import("std");
const builtin = @import("builtin");

/// Whether the object is for big-endian machines.
pub const is_big_endian = builtin.target.cpu.arch.endian() == .big;

/// enum bpf_core_relo_kind of linux/bpf.h.
pub const CoreKind = enum(u8) {
    field_byte_offset = 0,
    field_byte_size = 1,
    field_exists = 2,
    field_signed = 3,
    field_lshift_u64 = 4,
    field_rshift_u64 = 5,
    type_id_local = 6,
    type_id_target = 7,
    type_exists = 8,
    type_size = 9,
    enum_value_exists = 10,
    enum_value = 11,
    type_matches = 12,
};

/// Assembly that marks the instruction with the label `1:` for CO-RE.
pub fn core(comptime kind: CoreKind, comptime text: []const u8) []const u8 {
    @setEvalBranchQuota(100_000);
    return record("core", decimal(@backingInt(kind)) ++ " " ++ text);
}

/// Assembly that marks the trap behind it as a failed safety check. The jump to nowhere, which the
/// finisher takes away, keeps the place apart from the trap, which LLVM shares with an author's `@trap()`.
pub fn trap(comptime text: []const u8) []const u8 {
    return "1: goto +0" ++ record("trap", text);
}

/// The same for a panic, with operands `text` and `length`.
pub const panic = trap("call") ++ "\n.pushsection .pyzbpf.message,\"\",@progbits\n.quad 1b\n.quad %[text]\n.asciz \"%[length]\"\n.popsection";

/// Assembly that says that the function may be left at a trap: somebody looks whether it was.
pub const callback = callbackReturning(1);

/// The same of one that returns another number then: what the verifier takes from it.
pub fn callbackReturning(comptime value: i32) []const u8 {
    return "1:" ++ record("callback", decimal(value));
}

/// Assembly, outside of functions, that gives a program the verdict of its failed checks.
pub fn verdict(comptime program: []const u8, comptime value: i32) []const u8 {
    return ".pushsection .pyzbpf.verdict,\"\",@progbits\n.quad " ++ program ++ "\n.asciz \"" ++ program ++ " " ++ decimal(value) ++ "\"\n.popsection";
}

/// Assembly that says what an undefined symbol is: `kconfig NAME type`, `ksym NAME type` or
/// `kfunc NAME prototype`.
pub fn external(comptime text: []const u8) []const u8 {
    return record("extern", text);
}

/// Assembly, outside of functions, that gives a function's prototype, should the object leave it undefined.
pub fn declaration(comptime name: []const u8, comptime Prototype: type) []const u8 {
    return declared("kfunc " ++ name ++ " " ++ prototype(Prototype));
}

fn declared(comptime text: []const u8) []const u8 {
    return ".pushsection .pyzbpf.declaration,\"\",@progbits\n.asciz \"" ++ text ++ "\"\n.popsection";
}

/// Gives a type with `pub const btf = "name";` in it that name in the object's type information.
pub fn declareName(comptime Type: type) void {
    switch (@typeInfo(Type)) {
        .@"struct", .@"union", .@"opaque" => if (@hasDecl(Type, "btf") and Underlying(Type) == Type) {
            _ = Named(Type);
        },
        else => {},
    }
}

fn Named(comptime Type: type) type {
    return struct {
        comptime {
            if (!isIdentifier(Type.btf)) @compileError("`btf` of " ++ @typeName(Type) ++ " is no C identifier: '" ++ Type.btf ++ "'");
            asm (declared("type " ++ Type.btf ++ " " ++ @typeName(Type)));
        }
    };
}

/// A function type: `(result,parameter,...)`. Types are written as in `core` markers, with `v` void, `p`
/// and a type a pointer to that (structs and unions by name only), and `?` what the kernel cannot take.
pub fn prototype(comptime Prototype: type) []const u8 {
    @setEvalBranchQuota(100_000);
    const info = @typeInfo(Prototype).@"fn";
    var text: []const u8 = "(" ++ passed(info.return_type.?);
    for (info.param_types) |Type| text = text ++ "," ++ passed(Type.?);
    return text ++ ")";
}

fn passed(comptime Type: type) []const u8 {
    return switch (@typeInfo(Type)) {
        .void, .noreturn => "v",
        .optional => |info| passed(info.child),
        .pointer => |info| "p" ++ pointee(info.child),
        inline .@"struct", .@"union" => |info| if (info.backing_integer) |Integer| describe(Integer) else "?",
        .int, .bool, .float, .@"enum" => describe(Type),
        else => "?",
    };
}

fn pointee(comptime Type: type) []const u8 {
    return switch (@typeInfo(Type)) {
        .@"struct", .@"union" => describe(Type),
        .@"opaque" => if (Type == anyopaque) "v" else describe(Type),
        .array => |info| pointee(info.child), // C passes an array as a pointer to its first element
        .@"fn" => |info| if (info.is_generic or info.attrs.varargs) "v" else prototype(Type),
        else => passed(Type),
    };
}

fn record(comptime section: []const u8, comptime text: []const u8) []const u8 {
    return "\n.pushsection .pyzbpf." ++ section ++ ",\"\",@progbits\n.quad 1b\n.asciz \"" ++ text ++ "\"\n.popsection";
}

/// A number as text; std.fmt would take a hundred times as long at comptime.
pub fn decimal(comptime number: comptime_int) []const u8 {
    if (number < 0) return "-" ++ decimal(-number);
    const digit: []const u8 = &.{'0' + number % 10};
    return if (number < 10) digit else decimal(number / 10) ++ digit;
}

/// What a typedef is of; any other type itself.
pub fn Underlying(comptime Type: type) type {
    return if (@typeInfo(Type) == .@"opaque" and @hasDecl(Type, "typedef")) Type.typedef else Type;
}

/// A type as the root of a marker.
pub fn root(comptime Type: type) []const u8 {
    if (Underlying(Type) != Type) return "T:" ++ kernelName(Type) ++ ":" ++ describe(Type);
    return switch (@typeInfo(Type)) {
        .@"struct", .@"opaque" => "S:" ++ kernelName(Type),
        .@"union" => "U:" ++ kernelName(Type),
        .@"enum" => |info| "E:" ++ kernelName(Type) ++ ":" ++ describe(info.tag_type),
        else => @compileError("a declared struct, union, enum or core.Typedef of the kernel is wanted, not " ++ @typeName(Type)),
    };
}

/// A type with all its declared members.
pub fn allMembers(comptime Type: type) []const u8 {
    var text: []const u8 = root(Type);
    switch (@typeInfo(Underlying(Type))) {
        inline .@"struct", .@"union" => |info| for (info.field_names, info.field_types) |name, Member| {
            text = text ++ " " ++ name ++ "=" ++ describe(Member);
        },
        .@"enum" => |info| for (info.field_names, info.field_values) |name, value| {
            text = text ++ " " ++ name ++ "=" ++ decimal(value);
        },
        else => {},
    }
    return text;
}

/// An enum value with its enum.
pub fn enumValue(comptime value: anytype) []const u8 {
    return root(@TypeOf(value)) ++ " " ++ @tagName(value) ++ "=" ++ decimal(@backingInt(value));
}

/// A member's type.
pub fn describe(comptime Type: type) []const u8 {
    return switch (@typeInfo(Type)) {
        .int => |info| (if (info.signedness == .signed) "i" else "u") ++ bytes(Type),
        .bool => "z1",
        .float => "f" ++ bytes(Type),
        .@"enum" => "e" ++ bytes(Type) ++ givenName(Type),
        .pointer => |info| "p" ++ pointee(info.child),
        .optional => |info| describe(info.child),
        .array => |info| "a" ++ decimal(info.len) ++ describe(info.child),
        .@"struct" => if (@hasDecl(Type, "bit_width"))
            "b" ++ describe(Type.Value) ++ ":" ++ decimal(Type.bit_width)
        else
            "S" ++ givenName(Type),
        .@"union" => "U" ++ givenName(Type),
        .@"opaque" => if (Underlying(Type) != Type) describe(Type.typedef) else "S" ++ givenName(Type),
        else => @compileError("no kernel type is a " ++ @typeName(Type)),
    };
}

fn bytes(comptime Type: type) []const u8 {
    return decimal(@sizeOf(Type));
}

/// The name by which the kernel knows a type.
fn kernelName(comptime Type: type) []const u8 {
    const name = givenName(Type);
    if (name.len == 0) @compileError(@typeName(Type) ++ " has no name of the kernel's; declare it as a constant of that name, or with `pub const btf = \"name\";` in it");
    return name;
}

/// The declared name; "" for a type written in place.
fn givenName(comptime Type: type) []const u8 {
    if (@typeInfo(Type) != .@"enum" and @hasDecl(Type, "btf")) return Type.btf;
    const full = @typeName(Type);
    const start = if (std.mem.findScalarLast(u8, full, '.')) |dot| dot + 1 else 0;
    const name = full[start..];
    if (!isIdentifier(name)) return ""; // quoted, or made by a function
    inline for (.{ "__struct_", "__union_", "__enum_" }) |written_in_place| {
        if (std.mem.find(u8, name, written_in_place) != null) return "";
    }
    return name;
}

/// Whether C could spell the name.
pub fn isIdentifier(comptime name: []const u8) bool {
    for (name, 0..) |letter, place| switch (letter) {
        'a'...'z', 'A'...'Z', '_' => {},
        '0'...'9' => if (place == 0) return false,
        else => return false,
    };
    return name.len > 0;
}

/// Whether what an author has written is a text: a string literal, or a slice of bytes.
pub fn isText(comptime Type: type) bool {
    const info = switch (@typeInfo(Type)) {
        .pointer => |pointer| pointer,
        else => return false,
    };
    if (info.size == .slice) return info.child == u8;
    return info.size == .one and @typeInfo(info.child) == .array and @typeInfo(info.child).array.child == u8;
}
