//! The BTF form of a map definition, shared by every kind of map.
//!
//! A map is a variable whose type says everything: libbpf and pyzbpf read a number N from a member
//! of type `*const [N]c_int` and a type T from a member of type `*const T`. The values of the
//! members mean nothing.

const std = @import("std");
const marker = @import("../marker.zig");

/// What may be changed on a map type by `.with(...)`.
pub const Options = struct {
    /// How many entries; of a ring buffer its size in bytes.
    max_entries: ?u32 = null,
    /// `F_NO_PREALLOC` and the like.
    flags: u32 = 0,
    /// By name: the loader reuses or creates a pinned map in the bpf file system.
    pinning: enum(u32) { none = 0, by_name = 1 } = .none,
};

/// The member type that means the number `n`.
pub fn Number(comptime n: u32) type {
    return *const [n]c_int;
}

/// A type with a member of that name: how a map names another to the build.
pub fn Named(comptime name: []const u8) type {
    return OneMember(name, u8);
}

/// A type with one member.
pub fn OneMember(comptime name: []const u8, comptime Type: type) type {
    const Struct = @Struct(.@"extern", null, &.{name}, &.{Type}, &.{.{}});
    comptime if (@sizeOf(Struct) != @sizeOf(Type)) unreachable; // what nobody asks for has no members in the type information
    return Struct;
}

/// Refuse what cannot cross between kernel and user space: types without a defined layout, or without a byte.
pub fn assertPlain(comptime T: type, comptime role: []const u8) void {
    assertLayout(T, role);
    if (@sizeOf(T) == 0) refuse(T, role, "has no bytes, and the kernel wants one at least; give it a member, or use u8");
}

/// Refuse a number of entries for a map that has what it has.
pub fn assertOfFixedSize(comptime options: Options, comptime what: []const u8) void {
    if (options.max_entries != null) @compileError("with(.{ .max_entries = … }) of a map that has " ++ what);
}

const unknown = "has no layout that C and Python know";

fn assertLayout(comptime T: type, comptime role: []const u8) void {
    marker.declareName(T);
    switch (@typeInfo(T)) {
        .int => |info| {
            if (info.bits % 8 != 0 or !std.math.isPowerOfTwo(info.bits)) refuse(T, role, "has padding bits; use u8, u16, u32 or u64");
            if (info.bits > 128) refuse(T, role, "is wider than any number of C; use an array");
        },
        .@"enum" => |info| if (@bitSizeOf(info.tag_type) > 64) refuse(T, role, "is wider than any enum of C; use one of u64"),
        .float => |info| if (info.bits > 64) refuse(T, role, "is wider than C's double"),
        .bool => {},
        .array => |info| assertLayout(info.child, role),
        .@"struct" => |info| {
            if (info.layout == .auto) refuse(T, role, "has no defined layout; declare it `extern struct`");
            if (info.layout == .@"extern") for (info.field_types) |Member| assertLayout(Member, role);
        },
        .@"union" => |info| {
            if (info.layout == .auto) refuse(T, role, "has no defined layout; declare it `extern union`");
            if (info.layout == .@"extern") for (info.field_types) |Member| assertLayout(Member, role);
        },
        .pointer => |info| refusePointer(T, role, info.size == .slice),
        .optional => |info| if (@typeInfo(info.child) == .pointer) refusePointer(T, role, false) else refuse(T, role, unknown),
        else => refuse(T, role, unknown),
    }
}

/// Refuse bytes between or behind members, of which nobody says what is in them. In a key they count like any
/// other; and before Linux 6.3 the verifier refuses to hand a helper bytes of the stack that were never written.
pub fn assertFilled(comptime T: type, comptime role: []const u8) void {
    switch (@typeInfo(T)) {
        .array => |info| assertFilled(info.child, role),
        .@"struct" => |info| if (info.layout == .@"extern") {
            var end = 0;
            for (info.field_names, info.field_types) |name, Member| {
                const start = @offsetOf(T, name);
                if (start % @alignOf(Member) != 0) refuse(T, role, "has its member '" ++ name ++ "' at byte " ++ marker.decimal(start) ++ ", where BPF cannot read " ++ marker.decimal(@sizeOf(Member)) ++ " bytes at once; order the members by size, the largest first");
                if (start != end) refusePadding(T, role, "before '" ++ name ++ "'", start - end);
                assertFilled(Member, role);
                end = start + @sizeOf(Member);
            }
            if (@sizeOf(T) != end) refusePadding(T, role, "at its end", @sizeOf(T) - end);
        },
        .@"union" => |info| if (info.layout == .@"extern") for (info.field_names, info.field_types) |name, Member| {
            if (@sizeOf(Member) != @sizeOf(T)) refusePadding(T, role, "behind its member '" ++ name ++ "'", @sizeOf(T) - @sizeOf(Member));
            assertFilled(Member, role);
        },
        else => {},
    }
}

fn refusePointer(comptime T: type, comptime role: []const u8, comptime is_slice: bool) noreturn {
    const instead = if (is_slice) "an array, [16]u8 or bpf.Text(16), with a length beside it" else "u64";
    refuse(T, role, "is a " ++ (if (is_slice) "slice" else "pointer") ++ ", which means nothing to user space; use " ++ instead);
}

fn refusePadding(comptime T: type, comptime role: []const u8, comptime where: []const u8, comptime count: usize) noreturn {
    const why = if (role.len == 3) "they are a part of the key, and nobody sets them" else "nobody sets them, and the verifier of kernels before 6.3 refuses that";
    refuse(T, role, "has " ++ marker.decimal(count) ++ " bytes of padding " ++ where ++ ": " ++ why ++ "; add a member such as `reserved: [" ++ marker.decimal(count) ++ "]u8 = @splat(0)`");
}

fn refuse(comptime T: type, comptime role: []const u8, comptime why: []const u8) noreturn {
    @compileError("the " ++ role ++ " type " ++ @typeName(T) ++ " of a map " ++ why);
}
