//! The ring buffer of a tagged union: records of several types, each as long as its own (Linux 5.8).

const helpers = @import("../helpers.zig");
const definition = @import("definition.zig");
const constants = @import("../constants.zig");
const MapType = constants.MapType;
const Wake = @import("ring_buf.zig").Wake;
const countLost = @import("ring_buf.zig").countLost;

/// What `bpf.RingBuf` is of a `union(enum)` of extern structs. A record is a `Record(Event)`, cut behind its variant.
pub fn Ring(comptime Event: type, comptime options: definition.Options) type {
    assertVariants(Event);
    comptime if (@offsetOf(Record(Event), "variant") != start) unreachable; // and whose layout nobody asks for has no members in the type information
    return extern struct {
        type: definition.Number(@backingInt(MapType.ringbuf)) = undefined,
        max_entries: definition.Number(options.max_entries orelse 256 * 1024) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,
        /// Says which types the events are of; the build turns it into a decl tag.
        pyzbpf_tagged_event: *const Record(Event) = undefined,

        const Self = @This();
        const Kind = @typeInfo(Event).@"union".tag_type.?;

        /// The same buffer with another size, flags or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Ring(Event, changed);
        }

        /// Copy an event into the buffer. A full buffer counts it as lost, and is `error.Again`.
        pub inline fn output(self: *const Self, event: Event) error{Again}!void {
            switch (event) {
                inline else => |variant, kind| {
                    comptime definition.assertFilled(@TypeOf(variant), "event");
                    const room = self.reserve(kind) orelse return error.Again;
                    room.* = variant;
                    self.submit(room);
                },
            }
        }

        /// Room for one event of a kind, `ring.reserve(.opened)`, to be filled and then given to `submit` or `discard`
        /// on every path; null (and counted as lost) where the buffer is full.
        pub inline fn reserve(self: *const Self, comptime kind: Kind) ?*Variant(Event, kind) {
            @setRuntimeSafety(false); // the pointer is the kernel's: an alignment check is refused by the verifier
            if (helpers.ringbuf_reserve(@constCast(self), start + @sizeOf(Variant(Event, kind)), 0)) |room| {
                const record: *Record(Event) = @ptrCast(@alignCast(room));
                record.tag = @field(Tag(Event), @tagName(kind));
                record.reserved = 0;
                return @ptrFromInt(@intFromPtr(room) + start);
            }
            countLost(self);
            return null;
        }

        /// Hand a reserved event to user space.
        pub inline fn submit(_: *const Self, event: anytype) void {
            helpers.ringbuf_submit(recordOf(event), 0);
        }

        /// The same, without (`.never`) or in any case with (`.always`) a wake-up of the reader: many events at once.
        pub inline fn submitAnd(_: *const Self, event: anytype, comptime wake: Wake) void {
            helpers.ringbuf_submit(recordOf(event), @backingInt(wake));
        }

        /// Give a reserved event back unused.
        pub inline fn discard(_: *const Self, event: anytype) void {
            helpers.ringbuf_discard(recordOf(event), 0);
        }

        /// How many bytes of the buffer are taken and not yet read.
        pub inline fn waiting(self: *const Self) u64 {
            return helpers.ringbuf_query(self, constants.RB_AVAIL_DATA);
        }

        /// The buffer's size in bytes.
        pub inline fn size(self: *const Self) u64 {
            return helpers.ringbuf_query(self, constants.RB_RING_SIZE);
        }

        inline fn recordOf(event: anytype) *anyopaque {
            @setRuntimeSafety(false); // as in `reserve`
            return @ptrFromInt(@intFromPtr(event) - start);
        }
    };
}

/// Where a variant begins in its record.
const start = 8;

/// A record as C would write it: the union's members have the names of the tags.
fn Record(comptime Event: type) type {
    return extern struct { tag: Tag(Event), reserved: u32, variant: Variants(Event) };
}

fn Tag(comptime Event: type) type {
    const info = @typeInfo(@typeInfo(Event).@"union".tag_type.?).@"enum";
    return @Enum(u32, .exhaustive, info.field_names, values: {
        var values: [info.field_values.len]u32 = undefined;
        for (&values, info.field_values) |*value, given| value.* = given;
        break :values &values;
    });
}

fn Variants(comptime Event: type) type {
    const info = @typeInfo(Event).@"union";
    return @Union(.@"extern", null, info.field_names, info.field_types[0..], &@splat(.{}));
}

fn Variant(comptime Event: type, comptime kind: anytype) type {
    return @FieldType(Event, @tagName(kind));
}

/// Python tells events by their classes, and each is a struct's.
fn assertVariants(comptime Event: type) void {
    const info = @typeInfo(Event).@"union";
    for (info.field_names, info.field_types, 0..) |name, Type, index| {
        definition.assertPlain(Type, "event");
        if (@typeInfo(Type) != .@"struct" or @sizeOf(Type) == 0) refuse(Event, name, "is not an extern struct with members: Python tells events by their structs");
        if (@alignOf(Type) > start) refuse(Event, name, "is aligned to more than 8 bytes, as no record of a ring buffer is");
        for (info.field_names[0..index], info.field_types[0..index]) |other, Other| {
            if (Type == Other) refuse(Event, name, "is the same type as '" ++ other ++ "': Python tells events by their structs; put one into a struct of its own");
        }
    }
}

fn refuse(comptime Event: type, comptime name: []const u8, comptime why: []const u8) noreturn {
    @compileError("the variant '" ++ name ++ "' of the event type " ++ @typeName(Event) ++ " of a map " ++ why);
}
