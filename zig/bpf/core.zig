//! CO-RE: fields, types and enums of the running kernel, found by name when the probe is loaded.
//!
//! A kernel type is declared with only the members that are used, in any order; layout is the
//! running kernel's business:
//!
//!     const task_struct = extern struct {
//!         tgid: i32,
//!         real_parent: *task_struct,
//!         comm: bpf.Text(16),
//!     };
//!     const parent = bpf.core.read(bpf.core.currentTask(task_struct), "real_parent.tgid");
//!
//! The type's name is the kernel's (`pub const btf = "name"` in it says another), a suffix
//! `___anything` is ignored by the search: flavours of one type with other members.

const std = @import("std");
const helpers = @import("helpers.zig");
const marker = @import("marker.zig");
const result = @import("result.zig");

const Kind = marker.CoreKind;

/// A bit field of `width` bits in a declared type; reads as a `Whole`, the integer, bool or enum that C declares
/// it with.
pub fn Bits(comptime Whole: type, comptime width: u16) type {
    return extern struct {
        pub const Value = Whole;
        pub const bit_width = width;
        storage: Whole,
    };
}

/// A kernel type that has this name as a typedef: `core.Typedef("pid_t", i32)`, or, of a struct without a name of its
/// own, `core.Typedef("atomic_t", extern struct { counter: i32 })`. For questions about the type, and behind pointers;
/// a member of the type is declared as what it is.
pub fn Typedef(comptime name: []const u8, comptime Target: type) type {
    return opaque {
        pub const btf = name;
        pub const typedef = Target;
    };
}

/// Read a field of kernel memory, following pointers on the way: `core.read(task, "mm.owner.tgid")`.
/// Zero (a pointer: null) where that cannot be read: the kernel leaves zeros (Linux 5.5). For GPL-compatible programs.
pub inline fn read(base: anytype, comptime path: []const u8) Value(Pointee(@TypeOf(base)), path) {
    @setRuntimeSafety(false); // kernel addresses: nothing is known of them
    const step = comptime hop(Pointee(@TypeOf(base)), path);
    if (comptime isBits(step.Type)) {
        var storage: u64 = 0;
        fetchBits(base, step, &storage) catch {};
        return extract(step, storage);
    }
    var value: Nullable(step.Type) = undefined;
    fetch(&value, @sizeOf(step.Type), fieldAddress(base, step)) catch {};
    if (comptime step.rest.len == 0) return value;
    return read(value, step.rest);
}

/// `read` straight into its place, with an error where memory cannot be read, on the way too; zero is
/// left there then. What is larger than a number is not copied once more. For GPL-compatible programs.
pub inline fn readInto(base: anytype, comptime path: []const u8, target: *Value(Pointee(@TypeOf(base)), path)) result.Error!void {
    @setRuntimeSafety(false);
    const step = comptime hop(Pointee(@TypeOf(base)), path);
    if (comptime isBits(step.Type)) {
        var storage: u64 = 0;
        defer target.* = extract(step, storage);
        return fetchBits(base, step, &storage);
    }
    if (comptime step.rest.len == 0) return fetch(target, @sizeOf(step.Type), fieldAddress(base, step));
    var next: Nullable(step.Type) = undefined;
    fetch(&next, @sizeOf(step.Type), fieldAddress(base, step)) catch |reason| {
        target.* = std.mem.zeroes(@TypeOf(target.*));
        return reason;
    };
    return readInto(next, step.rest, target);
}

/// Copy a NUL-ended string that lies in a field, or (for a pointer field) behind it. For GPL-compatible programs.
pub inline fn readText(base: anytype, comptime path: []const u8, target: anytype) result.Error!void {
    @setRuntimeSafety(false);
    const step = comptime hop(Pointee(@TypeOf(base)), path);
    if (comptime isPointer(step.Type)) {
        var next: Nullable(step.Type) = undefined;
        try fetch(&next, @sizeOf(step.Type), fieldAddress(base, step));
        if (comptime step.rest.len != 0) return readText(next, step.rest, target);
        return copyText(target, address(next));
    }
    return copyText(target, fieldAddress(base, step));
}

/// Load a field through a pointer that the verifier knows the type of (tp_btf, fentry, LSM, iterators)
/// or from a context, without a helper; follows pointers on the way.
pub inline fn load(base: anytype, comptime path: []const u8) Field(Pointee(@TypeOf(base)), path) {
    const step = comptime hop(Pointee(@TypeOf(base)), path);
    if (comptime isBits(step.Type)) return loadBits(base, step);
    const value = loadMarked(step.Type, base, step.text);
    if (comptime step.rest.len == 0) return value;
    return load(value, step.rest);
}

/// The address of a field inside the object that `base` points to, for helpers that take one:
/// `helpers.d_path(core.at(file, "f_path"), …)`. It is for them and for `read`; a dot on it knows nothing of the kernel.
pub inline fn at(base: anytype, comptime path: []const u8) *const Field(Pointee(@TypeOf(base)), path) {
    @setRuntimeSafety(false);
    const Target = Field(Pointee(@TypeOf(base)), path);
    if (comptime isBits(hop(Pointee(@TypeOf(base)), path).Type)) @compileError("path \"" ++ path ++ "\": a bit field has no address");
    return pointer(Target, address(base) +% constant(.field_byte_offset, whole(Pointee(@TypeOf(base)), path)));
}

/// Whether the running kernel's type has this field.
pub inline fn exists(comptime Type: type, comptime path: []const u8) bool {
    return constant(.field_exists, whole(Type, path)) != 0;
}

/// Byte offset of a field from the start of the type.
pub inline fn offset(comptime Type: type, comptime path: []const u8) u64 {
    return constant(.field_byte_offset, whole(Type, path));
}

/// Size of a field in bytes; 0 where it does not exist.
pub inline fn size(comptime Type: type, comptime path: []const u8) u64 {
    return constant(.field_byte_size, whole(Type, path));
}

/// Whether a field is a signed number.
pub inline fn isSigned(comptime Type: type, comptime path: []const u8) bool {
    return constant(.field_signed, whole(Type, path)) != 0;
}

/// How far to shift a loaded bit field to the left, so that its highest bit is the word's.
pub inline fn leftShift(comptime Type: type, comptime path: []const u8) u64 {
    return constant(.field_lshift_u64, whole(Type, path));
}

/// How far to shift it to the right after that.
pub inline fn rightShift(comptime Type: type, comptime path: []const u8) u64 {
    return constant(.field_rshift_u64, whole(Type, path));
}

/// Whether the running kernel has the type.
pub inline fn typeExists(comptime Type: type) bool {
    return constant(.type_exists, marker.root(Type)) != 0;
}

/// Size of the type in bytes; 0 where it does not exist.
pub inline fn typeSize(comptime Type: type) u64 {
    return constant(.type_size, marker.root(Type));
}

/// Whether the running kernel's type has every declared member, of the declared kind, size and sign. They are found
/// through unnamed members, too, and of structs and of what pointers point to nothing more is asked: so it is true of what
/// `pyzbpf types` has written on the same kernel.
pub inline fn membersMatch(comptime Type: type) bool {
    @setEvalBranchQuota(1_000_000);
    var matching = typeExists(Type);
    const info = switch (@typeInfo(marker.Underlying(Type))) {
        inline .@"struct", .@"union" => |info| info,
        else => @compileError("core.membersMatch asks for the members of a struct or union, not of " ++ @typeName(Type)),
    };
    inline for (info.field_names, info.field_types) |name, Member| {
        if (!exists(Type, name)) return false;
        if (comptime isBits(Member)) {
            matching = matching and rightShift(Type, name) == 64 - Member.bit_width;
        } else if (comptime !holdsMembers(Member)) {
            matching = matching and size(Type, name) == @sizeOf(Member);
        }
        if (comptime isNumber(Member)) matching = matching and isSigned(Type, name) == (@typeInfo(Member).int.signedness == .signed);
    }
    return matching;
}

fn holdsMembers(comptime Type: type) bool {
    return switch (@typeInfo(Type)) {
        .@"struct", .@"union", .@"opaque" => true,
        .array => |info| holdsMembers(info.child),
        else => false,
    };
}

fn isNumber(comptime Type: type) bool {
    return @typeInfo(Type) == .int;
}

/// Whether the kernel's type matches by the rules of Linux 5.19 and libbpf, as C's `bpf_core_type_matches` says: each
/// declared member among the type's own (not in unnamed ones), and pointers to types of the same names.
pub inline fn typeMatches(comptime Type: type) bool {
    return constant(.type_matches, marker.allMembers(Type)) != 0;
}

/// The id of the type in the running kernel's BTF.
pub inline fn typeId(comptime Type: type) u64 {
    return wideConstant(.type_id_target, marker.root(Type));
}

/// The id of the type in the probe's own BTF.
pub inline fn localTypeId(comptime Type: type) u64 {
    return wideConstant(.type_id_local, marker.root(Type));
}

/// Whether the running kernel's enum has a value of this name.
pub inline fn enumExists(comptime value: anytype) bool {
    return constant(.enum_value_exists, marker.enumValue(value)) != 0;
}

/// The number that the running kernel gives a value: `core.enumValue(bpf_map_type.BPF_MAP_TYPE_RINGBUF)`.
pub inline fn enumValue(comptime value: anytype) u64 {
    return wideConstant(.enum_value, marker.enumValue(value));
}

/// A kernel address as a pointer to a declared type.
pub inline fn pointer(comptime Type: type, kernel_address: u64) *const Type {
    @setRuntimeSafety(false);
    return asm (""
        : [same] "=r" (-> *const Type),
        : [address] "0" (kernel_address),
    );
}

/// The task that runs on this CPU. For GPL-compatible programs.
pub inline fn currentTask(comptime Type: type) *const Type {
    return pointer(Type, helpers.get_current_task());
}

/// The type that a path leads to.
pub fn Field(comptime Root: type, comptime path: []const u8) type {
    const step = hop(Root, path);
    if (step.rest.len != 0) return Field(Pointee(step.Type), step.rest);
    return if (isBits(step.Type)) step.Type.Value else step.Type;
}

/// The same as read from memory: a pointer there may be null.
fn Value(comptime Root: type, comptime path: []const u8) type {
    return Nullable(Field(Root, path));
}

fn Nullable(comptime Type: type) type {
    return if (@typeInfo(Type) == .pointer) ?Type else Type;
}

const Hop = struct {
    /// The field's type: at the end of the path, or a pointer to follow.
    Type: type,
    /// Marker text: root type and the way to the field.
    text: []const u8,
    /// What of the path lies behind the pointer.
    rest: []const u8,
};

/// The part of a path that lies inside one object: up to its end or the first pointer.
fn hop(comptime Root: type, comptime path: []const u8) Hop {
    @setEvalBranchQuota(100_000);
    var text: []const u8 = marker.root(Root);
    var Type: type = marker.Underlying(Root);
    var rest: []const u8 = path;
    while (rest.len != 0) {
        if (rest[0] == '[') {
            const end = std.mem.findScalar(u8, rest, ']') orelse @compileError("path \"" ++ path ++ "\": '[' without ']'");
            if (@typeInfo(Type) != .array) @compileError("path \"" ++ path ++ "\": " ++ @typeName(Type) ++ " is no array");
            const length = @typeInfo(Type).array.len;
            if (length != 0 and number(rest[1..end]) >= length) @compileError("path \"" ++ path ++ "\": " ++ @typeName(Type) ++ " has no element " ++ rest[0 .. end + 1]);
            Type = @typeInfo(Type).array.child;
            text = text ++ " " ++ rest[0 .. end + 1];
            rest = rest[end + 1 ..];
        } else {
            if (rest[0] == '.') rest = rest[1..];
            const end = std.mem.findAny(u8, rest, ".[") orelse rest.len;
            const name = rest[0..end];
            if (!@hasField(Type, name)) @compileError("path \"" ++ path ++ "\": " ++ @typeName(Type) ++ " declares no field '" ++ name ++ "'; add it with the kernel's type");
            Type = @FieldType(Type, name);
            text = text ++ " " ++ name ++ "=" ++ marker.describe(Type);
            rest = rest[end..];
        }
        if (rest.len != 0 and isPointer(Type)) return .{ .Type = Type, .text = text, .rest = if (rest[0] == '.') rest[1..] else rest };
    }
    return .{ .Type = Type, .text = text, .rest = "" };
}

/// The index between brackets; std.fmt would take a hundred times as long at comptime.
fn number(comptime digits: []const u8) u64 {
    var found: u64 = 0;
    for (digits) |digit| {
        if (digit < '0' or digit > '9') @compileError("'" ++ digits ++ "' is no index");
        found = 10 * found + (digit - '0');
    }
    return found;
}

/// A path that must not cross a pointer.
fn whole(comptime Root: type, comptime path: []const u8) []const u8 {
    const step = hop(Root, path);
    if (step.rest.len != 0) @compileError("path \"" ++ path ++ "\" crosses a pointer: what lies behind it belongs to another object");
    return step.text;
}

fn isPointer(comptime Type: type) bool {
    return switch (@typeInfo(Type)) {
        .pointer => true,
        .optional => |info| @typeInfo(info.child) == .pointer,
        else => false,
    };
}

fn isBits(comptime Type: type) bool {
    return @typeInfo(Type) == .@"struct" and @hasDecl(Type, "bit_width");
}

fn Pointee(comptime Pointer: type) type {
    return switch (@typeInfo(Pointer)) {
        .pointer => |info| info.child,
        .optional => |info| Pointee(info.child),
        else => @compileError("a pointer to a declared kernel type is wanted, not " ++ @typeName(Pointer)),
    };
}

inline fn address(base: anytype) u64 {
    @setRuntimeSafety(false);
    return @intFromPtr(base);
}

inline fn fetch(target: anytype, count: u32, from: u64) result.Error!void {
    @setRuntimeSafety(false);
    return result.check(helpers.probe_read_kernel(@ptrCast(target), count, @ptrFromInt(from)));
}

inline fn copyText(target: anytype, from: u64) result.Error!void {
    @setRuntimeSafety(false);
    return result.check(helpers.probe_read_kernel_str(target, @sizeOf(@TypeOf(target.*)), @ptrFromInt(from)));
}

inline fn fieldAddress(base: anytype, comptime step: Hop) u64 {
    return address(base) +% constant(.field_byte_offset, step.text);
}

/// The storage unit of a bit field; zero where it cannot be read.
inline fn fetchBits(base: anytype, comptime step: Hop, storage: *u64) result.Error!void {
    @setRuntimeSafety(false);
    const count: u32 = @truncate(constant(.field_byte_size, step.text));
    if (count > 8) return error.InvalidArgument; // for the verifier: it cannot be
    // On a big-endian machine the bytes belong to the end of the word. They are not read there: LLVM makes
    // an `or` of adding to an aligned address on the stack, which no verifier takes.
    defer if (comptime marker.is_big_endian) {
        storage.* >>= @truncate(8 * (8 - count));
    };
    return fetch(storage, count, fieldAddress(base, step));
}

inline fn loadBits(base: anytype, comptime step: Hop) step.Type.Value {
    @setRuntimeSafety(false);
    const from = fieldAddress(base, step);
    const storage: u64 = switch (constant(.field_byte_size, step.text)) {
        1 => loadPlain(u8, from),
        2 => loadPlain(u16, from),
        4 => loadPlain(u32, from),
        8 => loadPlain(u64, from),
        else => 0,
    };
    return extract(step, storage);
}

/// The bits of a loaded storage unit, by the shifts that the kernel's layout asks for.
inline fn extract(comptime step: Hop, storage: u64) step.Type.Value {
    @setRuntimeSafety(false);
    const left = storage << @truncate(constant(.field_lshift_u64, step.text));
    const right: u6 = @truncate(constant(.field_rshift_u64, step.text));
    const signed = @as(i64, @bitCast(left)) >> right;
    const bits: u64 = if (constant(.field_signed, step.text) != 0) @bitCast(signed) else left >> right;
    return fromBits(step.Type.Value, bits);
}

/// The lowest bits of a word as a number, bool or enum.
inline fn fromBits(comptime Type: type, bits: u64) Type {
    @setRuntimeSafety(false);
    return switch (@typeInfo(Type)) {
        .bool => bits & 1 != 0,
        .@"enum" => |info| @fromBackingInt(fromBits(info.tag_type, bits)),
        else => @bitCast(@as(@Int(.unsigned, 8 * @sizeOf(Type)), @truncate(bits))),
    };
}

inline fn constant(comptime kind: Kind, comptime text: []const u8) u64 {
    return asm ("1: %[value] = 0" ++ marker.core(kind, text)
        : [value] "=r" (-> u64),
    );
}

inline fn wideConstant(comptime kind: Kind, comptime text: []const u8) u64 {
    return asm ("1: %[value] = 0 ll" ++ marker.core(kind, text)
        : [value] "=r" (-> u64),
    );
}

inline fn loadPlain(comptime Int: type, from: u64) u64 {
    return asm volatile ("%[value] = *(" ++ @typeName(Int) ++ " *)(%[base] + 0)"
        : [value] "=r" (-> u64),
        : [base] "r" (from),
    );
}

/// One load instruction whose offset and size the loader sets.
inline fn loadMarked(comptime Type: type, base: anytype, comptime text: []const u8) Type {
    @setRuntimeSafety(false);
    const template = comptime "1: %[value] = *(u" ++ marker.decimal(8 * @sizeOf(Type)) ++ " *)(%[base] + 0)" ++
        marker.core(.field_byte_offset, text);
    // A pointer must come out of the instruction as such: made from a number, it would be checked
    // for alignment, which the verifier forbids.
    if (comptime isPointer(Type)) return asm volatile (template
        : [value] "=r" (-> Type),
        : [base] "r" (base),
    );
    const raw = asm volatile (template
        : [value] "=r" (-> u64),
        : [base] "r" (base),
    );
    return switch (@typeInfo(Type)) {
        .bool, .@"enum", .int, .float => fromBits(Type, raw),
        else => @compileError("core.load reads numbers and pointers; use core.read for " ++ @typeName(Type)),
    };
}
