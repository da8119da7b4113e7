//! Values that belong to an object of the kernel, and go with it.

const helpers = @import("../helpers.zig");
const definition = @import("definition.zig");
const result = @import("../result.zig");
const constants = @import("../constants.zig");
const MapType = constants.MapType;

/// One value for each task (Linux 5.11; in Python by pidfd).
pub fn TaskStorage(comptime Value: type) type {
    return Storage(.task_storage, Value, .{});
}

/// One value for each socket (Linux 5.2).
pub fn SkStorage(comptime Value: type) type {
    return Storage(.sk_storage, Value, .{});
}

/// One value for each inode (Linux 5.10, CONFIG_BPF_LSM).
pub fn InodeStorage(comptime Value: type) type {
    return Storage(.inode_storage, Value, .{});
}

/// One value for each control group (Linux 6.2).
pub fn CgroupStorage(comptime Value: type) type {
    return Storage(.cgrp_storage, Value, .{});
}

fn Storage(comptime kind: MapType, comptime Value: type, comptime options: definition.Options) type {
    definition.assertOfFixedSize(options, "one value for each object of the kernel");
    definition.assertPlain(Value, "value");
    return extern struct {
        type: definition.Number(@backingInt(kind)) = undefined,
        key: *const c_int = undefined,
        value: *const Value = undefined,
        map_flags: definition.Number(constants.F_NO_PREALLOC | options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,

        pub const ValueType = Value;
        const Self = @This();

        /// The same map with other flags or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Storage(kind, Value, changed);
        }

        /// The value of an object, or null where it has none. `object` is a pointer that the verifier knows the type
        /// of: from `bpf_get_current_task_btf`, an argument of tp_btf, fentry or LSM, a context's `sk`.
        pub inline fn get(self: *const Self, object: anytype) ?*Value {
            return self.find(object, 0);
        }

        /// The same, made of zeros where there is none; null where there is no memory for it.
        pub inline fn getOrCreate(self: *const Self, object: anytype) ?*Value {
            return self.find(object, constants.LOCAL_STORAGE_GET_F_CREATE);
        }

        /// Remove the value of an object; `error.NotFound` where it has none.
        pub inline fn delete(self: *const Self, object: anytype) result.Error!void {
            const place: *anyopaque = @ptrCast(@constCast(object));
            return result.check(switch (kind) {
                .task_storage => helpers.task_storage_delete(self, @ptrCast(place)),
                .sk_storage => helpers.sk_storage_delete(self, place),
                .inode_storage => helpers.inode_storage_delete(self, place),
                else => helpers.cgrp_storage_delete(self, @ptrCast(place)),
            });
        }

        inline fn find(self: *const Self, object: anytype, flags: u64) ?*Value {
            @setRuntimeSafety(false); // the pointer is the kernel's: an alignment check is refused by the verifier
            const place: *anyopaque = @ptrCast(@constCast(object));
            return @ptrCast(@alignCast(switch (kind) {
                .task_storage => helpers.task_storage_get(self, @ptrCast(place), null, flags),
                .sk_storage => helpers.sk_storage_get(self, place, null, flags),
                .inode_storage => helpers.inode_storage_get(self, place, null, flags),
                else => helpers.cgrp_storage_get(self, @ptrCast(place), null, flags),
            }));
        }
    };
}

/// One value for the control group that a cgroup program is attached to, or for each (with `PerCpuCgroupLocal` on each
/// CPU): Linux 4.19, 4.20. `CgroupStorage` does all that this does, from Linux 6.2.
pub fn CgroupLocal(comptime Value: type) type {
    return Local(.cgroup_storage, Value, .{});
}

/// The same with a value on each CPU.
pub fn PerCpuCgroupLocal(comptime Value: type) type {
    return Local(.percpu_cgroup_storage, Value, .{});
}

fn Local(comptime kind: MapType, comptime Value: type, comptime options: definition.Options) type {
    definition.assertOfFixedSize(options, "one value for each control group");
    definition.assertPlain(Value, "value");
    const types = @import("../types.zig");
    definition.assertPlain(types.bpf_cgroup_storage_key, "key");
    return extern struct {
        type: definition.Number(@backingInt(kind)) = undefined,
        key: *const types.bpf_cgroup_storage_key = undefined,
        value: *const Value = undefined,
        map_flags: definition.Number(options.flags) = undefined,
        pinning: definition.Number(@backingInt(options.pinning)) = undefined,

        const Self = @This();

        /// The same map with other flags or pinning.
        pub fn with(comptime changed: definition.Options) type {
            return Local(kind, Value, changed);
        }

        /// The value; there always is one.
        pub inline fn get(self: *const Self) *Value {
            @setRuntimeSafety(false); // the verifier knows that it is not null
            return @ptrCast(@alignCast(helpers.get_local_storage(self, 0)));
        }
    };
}
