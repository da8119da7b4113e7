//! Memory that programs and user space share, page by page (Linux 6.9, x86-64 and arm64 with the JIT compiler).

const definition = @import("definition.zig");
const external = @import("../external.zig");
const constants = @import("../constants.zig");
const MapType = constants.MapType;

/// Up to `pages` pages of memory at the same address for all: what Python maps, the program fills.
pub fn Arena(comptime pages: u32) type {
    return Memory(pages, .{});
}

fn Memory(comptime pages: u32, comptime options: definition.Options) type {
    return extern struct {
        type: definition.Number(@backingInt(MapType.arena)) = undefined,
        max_entries: definition.Number(options.max_entries orelse pages) = undefined,
        map_flags: definition.Number(constants.F_MMAPABLE | options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,

        const Self = @This();

        /// The same map with other flags, size or pinning, for which the loader wants its address: `map_extra` in Python.
        pub fn with(comptime changed: definition.Options) type {
            return Memory(pages, changed);
        }

        /// New pages, zeroed, as a `T`; null where there are no more. They stay until `release`, or the arena goes. For
        /// programs that may sleep (`syscall`, sections with ".s").
        pub inline fn create(self: *const Self, comptime T: type) ?*T {
            @setRuntimeSafety(false); // an address of user space until it is cast
            const found = allocate()(self, null, comptime pagesOf(T), -1, 0);
            // The kernel's view of no page is no null pointer.
            return if (found == 0) null else view(T, found);
        }

        /// Give the pages of a `T` back.
        pub inline fn release(self: *const Self, value: anytype) void {
            const T = @TypeOf(value.*);
            free()(self, addressOf(value), comptime pagesOf(T));
        }
    };
}

/// The `T` at an address of the arena, as `addressOf` tells it and user space has it.
pub inline fn view(comptime T: type, address: u64) *T {
    @setRuntimeSafety(false);
    return asm volatile ("%[pointer] = addr_space_cast(%[address], 0x0, 0x1)"
        : [pointer] "=r" (-> *T),
        : [address] "r" (address),
    );
}

/// The address of a value in an arena, to be kept in the arena or told to user space.
pub inline fn addressOf(value: anytype) u64 {
    @setRuntimeSafety(false);
    return asm volatile ("%[address] = addr_space_cast(%[pointer], 0x1, 0x0)"
        : [address] "=r" (-> u64),
        : [pointer] "r" (value),
    );
}

inline fn allocate() *const fn (*const anyopaque, ?*anyopaque, u32, c_int, u64) callconv(.c) u64 {
    return @ptrCast(external.kfunc("bpf_arena_alloc_pages", fn (*const anyopaque, ?*anyopaque, u32, c_int, u64) callconv(.c) ?*anyopaque));
}

inline fn free() *const fn (*const anyopaque, u64, u32) callconv(.c) void {
    return @ptrCast(external.kfunc("bpf_arena_free_pages", fn (*const anyopaque, ?*anyopaque, u32) callconv(.c) void));
}

const page = 4096;

fn pagesOf(comptime T: type) u32 {
    return (@sizeOf(T) + page - 1) / page;
}
