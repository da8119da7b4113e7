//! The ring buffer: events to user space in one order over all CPUs (Linux 5.8).

const helpers = @import("../helpers.zig");
const definition = @import("definition.zig");
const memory = @import("../memory.zig");
const result = @import("../result.zig");
const constants = @import("../constants.zig");
const tagged = @import("tagged_ring_buf.zig");
const MapType = constants.MapType;

/// A ring buffer of events of one type, 256 KiB unless `.with(.{ .max_entries = bytes })` says
/// otherwise (loaders round it up to a power of two, at least one page). Of a `union(enum)` of extern structs it holds
/// records of several types, each as long as its own.
pub fn RingBuf(comptime Event: type) type {
    const is_tagged = @typeInfo(Event) == .@"union" and @typeInfo(Event).@"union".tag_type != null;
    return if (is_tagged) tagged.Ring(Event, .{}) else Ring(Event, .{});
}

/// Whether the reader is woken up when an event is submitted.
pub const Wake = enum(u64) { never = constants.RB_NO_WAKEUP, always = constants.RB_FORCE_WAKEUP };

fn Ring(comptime Event: type, comptime options: definition.Options) type {
    definition.assertPlain(Event, "event");
    const rest = Rest.of(Event);
    return extern struct {
        type: definition.Number(@backingInt(MapType.ringbuf)) = undefined,
        max_entries: definition.Number(options.max_entries orelse 256 * 1024) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,
        /// Says which type the events are of; the build turns it into a decl tag.
        pyzbpf_event: *const Event = undefined,
        /// Names the array without a length at an event's end, of which Zig tells the object nothing, and its items.
        pyzbpf_rest: [rest.len]*const definition.OneMember(rest.name, rest.Item) = undefined,

        const Self = @This();

        /// The same buffer with another size, flags or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Ring(Event, changed);
        }

        /// Copy an event into the buffer. A full buffer counts it as lost, and returns the error.
        pub inline fn output(self: *const Self, event: *const Event) result.Error!void {
            comptime definition.assertFilled(Event, "event");
            const returned = helpers.ringbuf_output(@constCast(self), @constCast(event), @sizeOf(Event), 0);
            if (returned < 0) countLost(self);
            return result.check(returned);
        }

        /// Copy an event of varying length into the buffer: the first `length` bytes of `record`, a struct whose first member is
        /// an `Event` that ends with an array without a length (`rest: [0]u8`), and whose others are what follows it. A full
        /// buffer counts it as lost, and returns the error; `error.InvalidArgument`: longer than the record, or shorter than an event.
        pub inline fn outputPart(self: *const Self, record: anytype, length: u64) result.Error!void {
            const Record = @TypeOf(record.*);
            comptime {
                definition.assertPlain(Record, "event");
                definition.assertFilled(Record, "event");
                const info = @typeInfo(Record);
                if (info != .@"struct" or info.@"struct".field_types[0] != Event) @compileError("the first member of " ++ @typeName(Record) ++ " is no " ++ @typeName(Event));
            }
            const taken = memory.hidden(length);
            if (taken < @sizeOf(Event) or taken > @sizeOf(Record)) return error.InvalidArgument;
            const returned = helpers.ringbuf_output(@constCast(self), @constCast(record), taken, 0);
            if (returned < 0) countLost(self);
            return result.check(returned);
        }

        /// Room for one event, to be filled and then given to `submit` or `discard` on every path;
        /// null (and counted as lost) where the buffer is full.
        pub inline fn reserve(self: *const Self) ?*Event {
            @setRuntimeSafety(false); // the pointer is the kernel's: an alignment check is refused by the verifier
            if (helpers.ringbuf_reserve(@constCast(self), @sizeOf(Event), 0)) |room| return @ptrCast(@alignCast(room));
            countLost(self);
            return null;
        }

        /// Hand a reserved event to user space.
        pub inline fn submit(_: *const Self, event: *Event) void {
            helpers.ringbuf_submit(event, 0);
        }

        /// The same, without (`.never`) or in any case with (`.always`) a wake-up of the reader: many events at once.
        pub inline fn submitAnd(_: *const Self, event: *Event, comptime wake: Wake) void {
            helpers.ringbuf_submit(event, @backingInt(wake));
        }

        /// Give a reserved event back unused.
        pub inline fn discard(_: *const Self, event: *Event) void {
            helpers.ringbuf_discard(event, 0);
        }

        /// How many bytes of the buffer are taken and not yet read.
        pub inline fn waiting(self: *const Self) u64 {
            return helpers.ringbuf_query(self, constants.RB_AVAIL_DATA);
        }

        /// The buffer's size in bytes.
        pub inline fn size(self: *const Self) u64 {
            return helpers.ringbuf_query(self, constants.RB_RING_SIZE);
        }
    };
}

/// The array without a length at the end of an event's type, `len` 1 where there is one.
const Rest = struct {
    len: usize,
    name: []const u8,
    Item: type,

    fn of(comptime Event: type) Rest {
        const none: Rest = .{ .len = 0, .name = "none", .Item = u8 };
        const info = switch (@typeInfo(Event)) {
            .@"struct" => |info| info,
            else => return none,
        };
        if (info.layout != .@"extern" or info.field_names.len == 0) return none;
        const last = info.field_names.len - 1;
        return switch (@typeInfo(info.field_types[last])) {
            .array => |array| if (array.len == 0) .{ .len = 1, .name = info.field_names[last], .Item = array.child } else none,
            else => none,
        };
    }
};

/// Count an event that found no room in `map`, as Python's `lost` reports it: in a counter of that map where the
/// compiler knows which it is, else in one that all maps of its type share.
pub inline fn countLost(map: anytype) void {
    const is_known = @typeInfo(@TypeOf(.{map})).@"struct".field_attrs[0].@"comptime";
    const Count = if (is_known) Known(map) else Shared(@TypeOf(map.*));
    _ = @atomicRmw(u64, &Count.lost, .Add, 1, .monotonic);
}

/// The build finds both counters by their names: `Known(&probe.events).lost`, `Shared(<type of the map>).lost`.
fn Known(comptime map: anytype) type {
    return struct {
        const of = map;
        var lost: u64 = 0;
    };
}

fn Shared(comptime Map: type) type {
    return struct {
        const of = Map;
        var lost: u64 = 0;
    };
}
