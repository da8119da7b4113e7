//! One small program of each kind that has no probe of its own: it counts its runs, and some say no when told to.

const bpf = @import("bpf");

/// By program.
export var seen: bpf.Array(u64, 24) linksection(".maps") = .{};
export var refuse: bool linksection(".rodata") = false;
/// Of kinds that run for the whole system: in this process only.
export var wanted: u32 linksection(".rodata") = 0;

const Place = enum(u32) { connect, bind, post_bind, sendmsg, peer_name, release, sysctl, getsockopt, setsockopt, device, sockops, hook, modify, primary, peer, inside, sample };

export fn connect(_: *bpf.types.bpf_sock_addr) linksection("?cgroup/connect4") c_int {
    return decide(.connect);
}

export fn bind(_: *bpf.types.bpf_sock_addr) linksection("?cgroup/bind4") c_int {
    return decide(.bind);
}

export fn post_bind(_: *bpf.types.bpf_sock) linksection("?cgroup/post_bind4") c_int {
    return decide(.post_bind);
}

export fn sendmsg(_: *bpf.types.bpf_sock_addr) linksection("?cgroup/sendmsg4") c_int {
    return decide(.sendmsg);
}

export fn peer_name(_: *bpf.types.bpf_sock_addr) linksection("?cgroup/getpeername4") c_int {
    count(.peer_name);
    return 1;
}

export fn release(_: *bpf.types.bpf_sock) linksection("?cgroup/sock_release") c_int {
    count(.release);
    return 1;
}

export fn sysctl(_: *bpf.types.bpf_sysctl) linksection("?cgroup/sysctl") c_int {
    return decide(.sysctl);
}

export fn getsockopt(_: *bpf.types.bpf_sockopt) linksection("?cgroup/getsockopt") c_int {
    return decide(.getsockopt);
}

export fn setsockopt(_: *bpf.types.bpf_sockopt) linksection("?cgroup/setsockopt") c_int {
    return decide(.setsockopt);
}

export fn device(_: *bpf.types.bpf_cgroup_dev_ctx) linksection("?cgroup/dev") c_int {
    return decide(.device);
}

export fn sockops(_: *bpf.types.bpf_sock_ops) linksection("?sockops") c_int {
    count(.sockops);
    return 1;
}

const Hook = extern struct { socket: u64, address: u64, length: i64 };

export fn hook(_: *const Hook) linksection("?lsm_cgroup/socket_bind") c_int {
    return decide(.hook);
}

const Modified = extern struct { task: u64, result: i64 };

/// getpgid(2) asks this.
export fn modify(ctx: *const Modified) linksection("?fmod_ret/security_task_getpgid") c_int {
    if (bpf.process.pid() != wanted) return @truncate(ctx.result);
    count(.modify);
    return if (refuse) -1 else @truncate(ctx.result);
}

export fn primary(_: *bpf.SkBuff) linksection("?netkit/primary") c_int {
    return pass(.primary);
}

export fn peer(_: *bpf.SkBuff) linksection("?netkit/peer") c_int {
    return pass(.peer);
}

/// netkit's verdicts are those of tc: 2 is to drop, -1 to ask the next.
inline fn pass(place: Place) c_int {
    count(place);
    return if (refuse) 2 else -1;
}

export fn inside(_: *const extern struct { packet: u64 }) linksection("?fentry/decide") c_int {
    count(.inside);
    return 0;
}

export fn sample(_: *const bpf.PerfEvent) linksection("?perf_event") c_int {
    count(.sample);
    return 0;
}

const Question = extern struct { number: u64, answer: u64 };

export fn answer(ctx: *Question) linksection("?syscall") c_int {
    ctx.answer = ctx.number *% 2;
    return 7;
}

inline fn decide(place: Place) c_int {
    count(place);
    return if (refuse) 0 else 1;
}

inline fn count(place: Place) void {
    const entry = seen.lookup(@backingInt(place)) orelse return;
    _ = @atomicRmw(u64, entry, .Add, 1, .monotonic);
}
