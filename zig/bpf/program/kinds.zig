//! The kinds of programs by section name: what each is given, and what it may return.
//!
//! Section names are libbpf's. A name that ends in "+" stands for itself and for itself with "/" and anything
//! behind it, any other for itself alone. The first that fits counts.

const std = @import("std");
const types = @import("../types.zig");
const verdicts = @import("verdicts.zig");
const registers = @import("registers.zig").PtRegs;
const sample = @import("perf_event.zig").PerfEvent;
const raw_arguments = @import("raw_tracepoint.zig").RawTracepoint;
const syscall = @import("syscall.zig").Syscall;
const usdt = @import("usdt.zig").Usdt;
const XDP = @import("xdp.zig").Action;
const TC = @import("tc.zig").Action;

/// What is common to the programs of some sections.
pub const Kind = struct {
    sections: []const []const u8,
    /// What the parameter points to. Empty: a struct that the author declares.
    contexts: []const type = &.{},
    /// The arguments of a kernel function: each member of the author's struct has eight bytes.
    has_arguments: bool = false,
    /// What a program returns; void: it has nothing to say.
    Verdict: type = void,
    /// What is returned by a program that has nothing to say, or that failed: as if it were not there. Null: the
    /// author must say.
    neutral: ?i32 = 0,
};

const skb = &.{types.__sk_buff};
const address = &.{types.bpf_sock_addr};

/// Every kind that libbpf knows.
pub const table = [_]Kind{
    .{ .sections = &.{"socket"}, .contexts = skb, .Verdict = i32, .neutral = -1 },
    .{ .sections = &.{ "sk_reuseport/migrate", "sk_reuseport" }, .contexts = &.{types.sk_reuseport_md}, .Verdict = verdicts.SK, .neutral = 1 },
    .{ .sections = &.{ "kprobe+", "kretprobe+", "kprobe.multi+", "kretprobe.multi+" }, .contexts = &.{registers} },
    .{ .sections = &.{ "uprobe+", "uprobe.s+", "uretprobe+", "uretprobe.s+" }, .contexts = &.{registers} },
    .{ .sections = &.{ "uprobe.multi+", "uprobe.multi.s+", "uretprobe.multi+", "uretprobe.multi.s+" }, .contexts = &.{registers} },
    .{ .sections = &.{ "kprobe.session+", "uprobe.session+", "uprobe.session.s+" }, .contexts = &.{registers}, .Verdict = verdicts.Session },
    .{ .sections = &.{ "ksyscall+", "kretsyscall+" }, .contexts = &.{ syscall, registers } },
    .{ .sections = &.{ "usdt+", "usdt.s+" }, .contexts = &.{ usdt, registers } },
    .{ .sections = &.{ "tc/ingress", "tc/egress", "tcx/ingress", "tcx/egress", "tc", "classifier", "action", "netkit/primary", "netkit/peer" }, .contexts = skb, .Verdict = TC, .neutral = -1 },
    .{ .sections = &.{ "tracepoint+", "tp+", "tracepoint.s+", "tp.s+" } },
    .{ .sections = &.{ "raw_tracepoint+", "raw_tp+", "raw_tracepoint.s+", "raw_tp.s+", "raw_tracepoint.w+", "raw_tp.w+" }, .contexts = &.{raw_arguments} },
    .{ .sections = &.{ "tp_btf+", "tp_btf.s+", "fentry+", "fexit+", "fentry.s+", "fexit.s+", "fsession+", "fsession.s+" }, .has_arguments = true },
    .{ .sections = &.{ "fentry.multi+", "fexit.multi+", "fentry.multi.s+", "fexit.multi.s+", "fsession.multi+", "fsession.multi.s+" }, .has_arguments = true },
    .{ .sections = &.{ "fmod_ret+", "fmod_ret.s+" }, .has_arguments = true, .Verdict = i32 },
    .{ .sections = &.{"freplace+"}, .Verdict = i32, .neutral = null },
    .{ .sections = &.{ "lsm+", "lsm.s+" }, .has_arguments = true, .Verdict = verdicts.LSM },
    .{ .sections = &.{"lsm_cgroup+"}, .has_arguments = true, .Verdict = verdicts.Access, .neutral = 1 },
    .{ .sections = &.{ "iter+", "iter.s+" }, .has_arguments = true, .Verdict = verdicts.Walk },
    .{ .sections = &.{"syscall"}, .Verdict = i32, .neutral = -1 },
    .{ .sections = &.{ "xdp.frags/devmap", "xdp/devmap", "xdp.frags/cpumap", "xdp/cpumap", "xdp.frags", "xdp" }, .contexts = &.{types.xdp_md}, .Verdict = XDP, .neutral = 2 },
    .{ .sections = &.{"perf_event"}, .contexts = &.{sample} },
    .{ .sections = &.{ "lwt_in", "lwt_out", "lwt_xmit", "lwt_seg6local" }, .contexts = skb, .Verdict = verdicts.LWT },
    .{ .sections = &.{"sockops"}, .contexts = &.{types.bpf_sock_ops}, .neutral = 1 },
    .{ .sections = &.{"sk_skb/stream_parser"}, .contexts = skb, .Verdict = i32, .neutral = null },
    .{ .sections = &.{ "sk_skb/stream_verdict", "sk_skb/verdict", "sk_skb" }, .contexts = skb, .Verdict = verdicts.SK, .neutral = 1 },
    .{ .sections = &.{"sk_msg"}, .contexts = &.{types.sk_msg_md}, .Verdict = verdicts.SK, .neutral = 1 },
    .{ .sections = &.{"lirc_mode2"}, .contexts = &.{u32} },
    .{ .sections = &.{"flow_dissector"}, .contexts = skb, .Verdict = verdicts.Dissected, .neutral = 129 },
    .{ .sections = &.{ "cgroup_skb/ingress", "cgroup/skb" }, .contexts = skb, .Verdict = verdicts.Access, .neutral = 1 },
    .{ .sections = &.{"cgroup_skb/egress"}, .contexts = skb, .Verdict = verdicts.Egress, .neutral = 1 },
    .{ .sections = &.{ "cgroup/sock_create", "cgroup/sock_release", "cgroup/sock", "cgroup/post_bind4", "cgroup/post_bind6" }, .contexts = &.{types.bpf_sock}, .Verdict = verdicts.Access, .neutral = 1 },
    .{ .sections = &.{ "cgroup/bind4", "cgroup/bind6" }, .contexts = address, .Verdict = verdicts.Bind, .neutral = 1 },
    .{ .sections = &.{ "cgroup/connect4", "cgroup/connect6", "cgroup/connect_unix", "cgroup/sendmsg4", "cgroup/sendmsg6", "cgroup/sendmsg_unix" }, .contexts = address, .Verdict = verdicts.Access, .neutral = 1 },
    .{ .sections = &.{ "cgroup/recvmsg4", "cgroup/recvmsg6", "cgroup/recvmsg_unix" }, .contexts = address, .Verdict = verdicts.Always, .neutral = 1 },
    .{ .sections = &.{ "cgroup/getpeername4", "cgroup/getpeername6", "cgroup/getpeername_unix" }, .contexts = address, .Verdict = verdicts.Always, .neutral = 1 },
    .{ .sections = &.{ "cgroup/getsockname4", "cgroup/getsockname6", "cgroup/getsockname_unix" }, .contexts = address, .Verdict = verdicts.Always, .neutral = 1 },
    .{ .sections = &.{"cgroup/sysctl"}, .contexts = &.{types.bpf_sysctl}, .Verdict = verdicts.Access, .neutral = 1 },
    .{ .sections = &.{ "cgroup/getsockopt", "cgroup/setsockopt" }, .contexts = &.{types.bpf_sockopt}, .Verdict = verdicts.Access, .neutral = 1 },
    .{ .sections = &.{"cgroup/dev"}, .contexts = &.{types.bpf_cgroup_dev_ctx}, .Verdict = verdicts.Access, .neutral = 1 },
    .{ .sections = &.{ "struct_ops+", "struct_ops.s+" }, .has_arguments = true, .Verdict = i32, .neutral = null },
    .{ .sections = &.{"sk_lookup"}, .contexts = &.{types.bpf_sk_lookup}, .Verdict = verdicts.SK, .neutral = 1 },
    .{ .sections = &.{"netfilter"}, .Verdict = verdicts.NF, .neutral = 1 },
};

/// The kind of a section's programs. A "?" before the name (not loaded unless asked for) does not count.
pub fn of(comptime section: []const u8) Kind {
    @setEvalBranchQuota(100_000);
    const name = if (section.len != 0 and section[0] == '?') section[1..] else section;
    for (table) |kind| {
        for (kind.sections) |pattern| if (matches(pattern, name)) return kind;
    }
    @compileError("programs of section '" ++ section ++ "' are not known; libbpf's names are, such as \"xdp\", \"kprobe/vfs_read\", \"tracepoint/sched/sched_switch\"");
}

fn matches(comptime pattern: []const u8, comptime name: []const u8) bool {
    if (pattern[pattern.len - 1] != '+') return std.mem.eql(u8, pattern, name);
    const kind = pattern[0 .. pattern.len - 1];
    return std.mem.startsWith(u8, name, kind) and (name.len == kind.len or name[kind.len] == '/');
}
