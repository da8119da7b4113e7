//! Values of control groups and files.

const bpf = @import("bpf");

pub const programs = .{
    .made = "?tp_btf/cgroup_mkdir",
    .removed = "?lsm/inode_unlink",
};

const cgroup = extern struct {};
const inode = extern struct {};

export var wanted: u32 linksection(".rodata") = 0;
export var of_groups: bpf.CgroupStorage(u64) linksection(".maps") = .{};
export var of_files: bpf.InodeStorage(u64) linksection(".maps") = .{};

pub fn made(ctx: *const extern struct { group: *const cgroup, path: u64 }) !void {
    if (bpf.process.pid() != wanted) return;
    const value = of_groups.getOrCreate(ctx.group) orelse return error.NoSpace;
    value.* += 5;
}

/// A file of this directory.
pub fn removed(ctx: *const extern struct { directory: *const inode, entry: u64, before: i64 }) !bpf.LSM {
    if (bpf.process.pid() != wanted) return .allow;
    const value = of_files.getOrCreate(ctx.directory) orelse return error.NoSpace;
    value.* += 1;
    return .allow;
}
