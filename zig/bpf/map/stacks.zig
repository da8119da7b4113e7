//! Stack traces, and how often each was seen.

const std = @import("std");
const counter = @import("counter.zig");
const definition = @import("definition.zig");
const constants = @import("../constants.zig");
const helpers = @import("../helpers.zig");
const process = @import("../process.zig");
const result = @import("../result.zig");
const MapType = constants.MapType;

/// The deepest stack that is kept (PERF_MAX_STACK_DEPTH; the sysctl kernel.perf_event_max_stack is that by default).
pub const depth = 127;

/// Up to `max_entries` different stack traces by number (Linux 4.6). `get` needs a GPL-compatible licence.
pub fn StackTrace(comptime max_entries: u32) type {
    return Traces(max_entries, .{});
}

fn Traces(comptime max_entries: u32, comptime options: definition.Options) type {
    return extern struct {
        type: definition.Number(@backingInt(MapType.stack_trace)) = undefined,
        key: *const u32 = undefined,
        value: *const [depth]u64 = undefined,
        max_entries: definition.Number(options.max_entries orelse max_entries) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,

        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Traces(max_entries, changed);
        }

        /// The number of the kernel's stack as it is now; `context` is the program's own.
        /// `error.AlreadyExists`: another stack has its place in the table.
        pub inline fn kernel(self: *const Self, context: anytype) result.Error!u32 {
            return self.get(context, 0);
        }

        /// The number of the process's stack; `error.Fault` for a thread of the kernel.
        pub inline fn user(self: *const Self, context: anytype) result.Error!u32 {
            return self.get(context, constants.F_USER_STACK);
        }

        /// The same with `flags`: how many of the innermost frames to skip, and BPF_F_*.
        pub inline fn get(self: *const Self, context: anytype, flags: u64) result.Error!u32 {
            return result.value(u32, helpers.get_stackid(@ptrCast(@constCast(context)), self, flags));
        }
    };
}

/// Whose stacks were seen: numbers in the map of traces, or a negative errno (EFAULT: there is none).
const pyzbpf_stacks = extern struct {
    pid: u32,
    kernel: i32,
    user: i32,
    command: [16]c_char,
};

/// How often each process was seen with the same stacks, up to `max_entries` of them (Linux 4.6), of which the
/// traces are in the map named `traces`: `export var samples: bpf.StackCounter("stacks", 10240) linksection(".maps")
/// = .{};`. Python folds them: decl tag `pyzbpf.stacks:<traces>` on the map. For GPL-compatible programs.
pub fn StackCounter(comptime traces: []const u8, comptime max_entries: u32) type {
    return Counted(traces, max_entries, .{});
}

fn Counted(comptime traces: []const u8, comptime max_entries: u32, comptime options: definition.Options) type {
    definition.assertPlain(pyzbpf_stacks, "key");
    return extern struct {
        type: definition.Number(@backingInt(MapType.percpu_hash)) = undefined,
        key: *const pyzbpf_stacks = undefined,
        value: *const u64 = undefined,
        max_entries: definition.Number(options.max_entries orelse max_entries) = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,
        /// Says what the numbers are, and where the traces; the build turns it into a decl tag.
        pyzbpf_stacks: *const definition.Named(traces) = undefined,

        const Self = @This();

        /// The same map with other flags, size or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Counted(traces, max_entries, changed);
        }

        /// Count the stacks of this process as they are now. `context` is the program's own, `map` the one of the
        /// traces. `error.NoSpace` where there is no room for new ones.
        pub inline fn add(self: *const Self, context: anytype, map: anytype, amount: u64) result.Error!void {
            const own: *anyopaque = @ptrCast(@constCast(context));
            var key = std.mem.zeroes(Key);
            key.pid = process.pid();
            key.kernel = @truncate(helpers.get_stackid(own, map, 0));
            key.user = @truncate(helpers.get_stackid(own, map, constants.F_USER_STACK));
            process.command(&key.command);
            counter.increase(try counter.entry(u64, self, &key), amount);
        }
    };
}

const Key = pyzbpf_stacks;
