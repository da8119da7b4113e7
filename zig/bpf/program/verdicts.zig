//! What programs may return, kind by kind: the return types of plain functions that `programs` names.

const E = @import("std").os.linux.E;

/// Control groups: whether the process may. (Of packets: whether they pass.)
pub const Access = enum(c_int) { deny = 0, allow = 1 };

/// cgroup/bind4, cgroup/bind6: the same, also past the ports that need CAP_NET_BIND_SERVICE (Linux 5.12).
pub const Bind = enum(c_int) {
    deny = 0,
    allow = 1,
    allow_privileged_port = 3,

    /// What the kernel takes.
    pub const range = [2]c_int{ 0, 3 };
};

/// cgroup_skb/egress: the packet, and whether the sender is to go slower (Linux 5.2).
pub const Egress = enum(c_int) { drop = 0, pass = 1, drop_and_slow_down = 2, pass_and_slow_down = 3 };

/// The only value that the kernel takes: the result is not the program's to decide.
pub const Always = enum(c_int) { done = 1 };

/// Sockets: sk_lookup, sk_msg, sk_skb, sk_reuseport.
pub const SK = enum(c_int) { drop = 0, pass = 1 };

/// Netfilter (Linux 6.4).
pub const NF = enum(c_int) { drop = 0, accept = 1 };

/// Lightweight tunnels (Linux 4.10; `reroute` 5.1).
pub const LWT = enum(c_int) { ok = 0, drop = 2, redirect = 7, reroute = 128 };

/// Flow dissectors (Linux 4.20; `fall_back` 6.0: the kernel's own dissector goes on).
pub const Dissected = enum(c_int) { ok = 0, drop = 2, fall_back = 129 };

/// Iterators: on to the next object, or this one again.
pub const Walk = enum(c_int) { next = 0, again = 1 };

/// kprobe.session, uprobe.session: whether the program runs at the function's return, too.
pub const Session = enum(c_int) { run_at_return = 0, skip_return = 1 };

/// LSM hooks: `.allow`, or the error that the caller gets: `bpf.LSM.refuse(.PERM)`.
pub const LSM = enum(c_int) {
    allow = 0,
    _,

    /// What the kernel takes (it looks since Linux 6.12).
    pub const range = [2]c_int{ -4095, 0 };

    /// The verdict that makes the operation fail with an errno.
    pub inline fn refuse(comptime errno: E) LSM {
        const number: c_int = @backingInt(errno);
        if (number < 1 or number > 4095) @compileError("an errno is between 1 and 4095");
        return @fromBackingInt(-number);
    }
};
