//! What the kernel lets programs walk over: each counts what it is shown, and the end.

const bpf = @import("bpf");

pub const programs = .{
    .task_file = "?iter/task_file",
    .task_vma = "?iter/task_vma",
    .cgroup = "?iter/cgroup",
    .tcp = "?iter/tcp",
    .udp = "?iter/udp",
    .unix = "?iter/unix",
    .netlink = "?iter/netlink",
    .ipv6_route = "?iter/ipv6_route",
    .bpf_prog = "?iter/bpf_prog",
    .bpf_link = "?iter/bpf_link",
    .ksym = "?iter/ksym",
    .sockmap = "?iter/sockmap",
    .bpf_sk_storage_map = "?iter/bpf_sk_storage_map",
};

export var steps: u64 = 0;
export var sockets: bpf.SockMap(2) linksection(".maps") = .{};
export var of_sockets: bpf.SkStorage(u64) linksection(".maps") = .{};

fn step() void {
    _ = @atomicRmw(u64, &steps, .Add, 1, .monotonic);
}

pub const task_file = step;
pub const task_vma = step;
pub const cgroup = step;
pub const tcp = step;
pub const udp = step;
pub const unix = step;
pub const netlink = step;
pub const ipv6_route = step;
pub const bpf_prog = step;
pub const bpf_link = step;
pub const ksym = step;
pub const sockmap = step;
pub const bpf_sk_storage_map = step;
