//! One program of each kind that no other probe has. A test loads one of them and looks at how often it ran.

const bpf = @import("bpf");

pub const programs = .{
    // Functions of processes.
    .uprobe_s = "?uprobe.s",
    .uretprobe_s = "?uretprobe.s",
    .uprobe_multi_s = "?uprobe.multi.s",
    .uretprobe_multi_s = "?uretprobe.multi.s",
    .uprobe_session_s = "?uprobe.session.s",
    // Tracepoints.
    .tracepoint_s = "?tracepoint.s/syscalls/sys_enter_getppid",
    .tp_s = "?tp.s/syscalls/sys_enter_getppid",
    .raw_tracepoint = "?raw_tracepoint/sys_enter",
    .raw_tracepoint_s = "?raw_tracepoint.s/sys_enter",
    .raw_tp_s = "?raw_tp.s/sys_enter",
    .raw_tracepoint_w = "?raw_tracepoint.w/bpf_test_finish",
    .raw_tp_w = "?raw_tp.w/bpf_test_finish",
    .tp_btf_s = "?tp_btf.s/sys_enter",
    // A function of the kernel that is there to be traced: BPF_PROG_TEST_RUN of such a program calls it.
    .fentry_s = "?fentry.s/bpf_fentry_test1",
    .fexit_s = "?fexit.s/bpf_fentry_test1",
    .fmod_ret_s = "?fmod_ret.s/bpf_fentry_test1",
    .fsession = "?fsession/bpf_fentry_test1",
    .fsession_s = "?fsession.s/bpf_fentry_test1",
    .fentry_multi = "?fentry.multi/bpf_fentry_test[12]",
    .fexit_multi = "?fexit.multi/bpf_fentry_test[12]",
    .fsession_multi = "?fsession.multi/bpf_fentry_test[12]",
    .fentry_multi_s = "?fentry.multi.s/bpf_fentry_test1",
    .fexit_multi_s = "?fexit.multi.s/bpf_fentry_test1",
    .fsession_multi_s = "?fsession.multi.s/bpf_fentry_test1",
    .lsm_s = "?lsm.s/file_open",
    .iter_s = "?iter.s/task",
    // Packets.
    .tc_ingress = "?tc/ingress",
    .tcx_egress = "?tcx/egress",
    .classifier = "?classifier",
    .action = "?action",
    .xdp_frags = "?xdp.frags",
    .xdp_devmap = "?xdp/devmap",
    .xdp_frags_devmap = "?xdp.frags/devmap",
    .xdp_cpumap = "?xdp/cpumap",
    .xdp_frags_cpumap = "?xdp.frags/cpumap",
    .to_device = "?xdp",
    .to_cpu = "?xdp",
    .to_device_frags = "?xdp.frags",
    .to_cpu_frags = "?xdp.frags",
    .lwt_in = "?lwt_in",
    .lwt_out = "?lwt_out",
    .lwt_xmit = "?lwt_xmit",
    .lwt_seg6local = "?lwt_seg6local",
    // Sockets.
    .migrate = "?sk_reuseport/migrate",
    .verdict = "?sk_skb/verdict",
    .unnamed_verdict = "?sk_skb",
    .infrared = "?lirc_mode2",
    // Control groups.
    .cgroup_skb = "?cgroup/skb",
    .sock = "?cgroup/sock",
    .bind6 = "?cgroup/bind6",
    .post_bind6 = "?cgroup/post_bind6",
    .connect6 = "?cgroup/connect6",
    .connect_unix = "?cgroup/connect_unix",
    .sendmsg6 = "?cgroup/sendmsg6",
    .sendmsg_unix = "?cgroup/sendmsg_unix",
    .recvmsg4 = "?cgroup/recvmsg4",
    .recvmsg6 = "?cgroup/recvmsg6",
    .recvmsg_unix = "?cgroup/recvmsg_unix",
    .getpeername6 = "?cgroup/getpeername6",
    .getpeername_unix = "?cgroup/getpeername_unix",
    .getsockname4 = "?cgroup/getsockname4",
    .getsockname6 = "?cgroup/getsockname6",
    .getsockname_unix = "?cgroup/getsockname_unix",
};

export var runs: u64 = 0;
export var wanted: u32 linksection(".rodata") = 0;
export var devices: bpf.DevMap(1) linksection(".maps") = .{};
export var cpus: bpf.CpuMap(64) linksection(".maps") = .{};
export var sockets: bpf.SockMap(2) linksection(".maps") = .{};

fn always() void {
    _ = @atomicRmw(u64, &runs, .Add, 1, .monotonic);
}

/// Of kinds that run for the whole system: in this process only.
fn ours() void {
    if (bpf.process.pid() == wanted) always();
}

/// What comes back on the same device would be sent again.
fn drop() bpf.XDP {
    always();
    return .drop;
}

pub fn to_device() bpf.XDP {
    return devices.redirect(0, .pass);
}

pub fn to_cpu() bpf.XDP {
    return cpus.redirect(0, .pass);
}

pub const to_device_frags = to_device;
pub const to_cpu_frags = to_cpu;
pub const uprobe_s = ours;
pub const uretprobe_s = ours;
pub const uprobe_multi_s = ours;
pub const uretprobe_multi_s = ours;
pub const uprobe_session_s = ours;
pub const tracepoint_s = ours;
pub const tp_s = ours;
pub const raw_tracepoint = ours;
pub const raw_tracepoint_s = ours;
pub const raw_tp_s = ours;
pub const raw_tracepoint_w = ours;
pub const raw_tp_w = ours;
pub const tp_btf_s = ours;
pub const fentry_s = ours;
pub const fexit_s = ours;
pub const fmod_ret_s = ours;
pub const fsession = ours;
pub const fsession_s = ours;
pub const fentry_multi = ours;
pub const fexit_multi = ours;
pub const fsession_multi = ours;
pub const fentry_multi_s = ours;
pub const fexit_multi_s = ours;
pub const fsession_multi_s = ours;
pub const lsm_s = ours;
pub const iter_s = always;
pub const tc_ingress = always;
pub const tcx_egress = always;
pub const classifier = always;
pub const action = always;
pub const xdp_frags = always;
pub const xdp_devmap = drop;
pub const xdp_frags_devmap = drop;
pub const xdp_cpumap = drop;
pub const xdp_frags_cpumap = drop;
pub const lwt_in = always;
pub const lwt_out = always;
pub const lwt_xmit = always;
pub const lwt_seg6local = always;
pub const migrate = always;
pub const verdict = always;
pub const unnamed_verdict = always;
pub const infrared = always;
pub const cgroup_skb = always;
pub const sock = always;
pub const bind6 = always;
pub const post_bind6 = always;
pub const connect6 = always;
pub const connect_unix = always;
pub const sendmsg6 = always;
pub const sendmsg_unix = always;
pub const recvmsg4 = always;
pub const recvmsg6 = always;
pub const recvmsg_unix = always;
pub const getpeername6 = always;
pub const getpeername_unix = always;
pub const getsockname4 = always;
pub const getsockname6 = always;
pub const getsockname_unix = always;
