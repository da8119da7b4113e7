//! Who runs: the process and thread on this CPU.

const helpers = @import("helpers.zig");

/// The process id (the kernel's tgid).
pub inline fn pid() u32 {
    return @truncate(helpers.get_current_pid_tgid() >> 32);
}

/// The thread id (the kernel's pid).
pub inline fn tid() u32 {
    return @truncate(helpers.get_current_pid_tgid());
}

/// The real user id.
pub inline fn uid() u32 {
    return @truncate(helpers.get_current_uid_gid());
}

/// Copy the thread's command name into `target`, a pointer to an array of 16 or more.
pub inline fn command(target: anytype) void {
    _ = helpers.get_current_comm(target, @sizeOf(@TypeOf(target.*)));
}
