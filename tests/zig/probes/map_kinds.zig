//! A map of every kind that needs nothing but a packet or a tracepoint, each used by a program of its own.

const std = @import("std");
const bpf = @import("bpf");

pub const programs = .{
    .hashes = "socket",
    .cpu_of_hash = "socket",
    .prefixes = "socket",
    .lines = "socket",
    .bloom = "socket",
    .walks = "socket",
    .odd = "socket",
    .messages = "raw_tp/sys_enter",
    .tasks = "tp_btf/sys_enter",
    .sockets = "cgroup_skb/egress",
    .local = "cgroup_skb/egress",
    .send = "xdp",
    .send_all = "xdp",
    .to_cpu = "xdp",
    .to_socket = "xdp",
    .groups = "raw_tp/sys_enter",
    .counters = "raw_tp/sys_enter",
    .gather = "sockops",
    .deliver = "sk_skb/stream_verdict",
    .say = "sk_msg",
    .choose = "sk_reuseport",
    .assign = "sk_lookup",
};

pub export var watched: u32 linksection(".rodata") = 0;
export var found: u64 = 0;
export var other: u64 = 0;

// Hash tables.
export var lru: bpf.LruHash(u32, u64, 64) linksection(".maps") = .{};
export var lru_per_cpu: bpf.LruPerCpuHash(u32, u64, 64) linksection(".maps") = .{};
export var per_cpu: bpf.PerCpuHash(u32, u64, 64) linksection(".maps") = .{};

pub fn hashes(ctx: *bpf.SkBuff) !void {
    const key = ctx.len;
    try lru.update(&key, &@as(u64, 1), bpf.ANY);
    try lru_per_cpu.update(&key, &@as(u64, 2), bpf.ANY);
    found = (lru.lookup(&key) orelse return error.Lost).* + (lru_per_cpu.lookup(&key) orelse return error.Lost).*;
}

pub fn cpu_of_hash(ctx: *bpf.SkBuff) !void {
    const key = ctx.len;
    try per_cpu.update(&key, &@as(u64, 3), bpf.ANY);
    other = (per_cpu.lookupCpu(&key, bpf.get_smp_processor_id()) orelse return error.Lost).*;
}

// Prefixes of addresses.
export var routes: bpf.LpmTrie([4]u8, u32, 16) linksection(".maps") = .{};

pub fn prefixes(ctx: *bpf.SkBuff) !i32 {
    var address: [4]u8 = undefined;
    try bpf.packet.load(ctx, 12, &address);
    const value = routes.lookup(&.{ .prefixlen = 32, .data = address }) orelse return 0;
    return @intCast(value.*);
}

// Lines.
export var queue: bpf.Queue(u64, 4) linksection(".maps") = .{};
export var stack: bpf.Stack(u64, 4) linksection(".maps") = .{};

pub fn lines(ctx: *bpf.SkBuff) !void {
    const length: u64 = ctx.len;
    try queue.push(&length);
    try stack.push(&length);
    try stack.pushOver(&(length + 1));
    var value: u64 = 0;
    try queue.peek(&value);
    found = value;
    try stack.pop(&value);
    other = value;
}

export var filter: bpf.BloomFilter(u32, 64) linksection(".maps") = .{};

pub fn bloom(ctx: *bpf.SkBuff) !i32 {
    const length = ctx.len;
    if (filter.mayHave(&length)) return 1;
    try filter.add(&length);
    return 2;
}

// Walks.
export var numbers: bpf.Hash(u32, u64, 8) linksection(".maps") = .{};
export var cells: bpf.Array(u64, 4) linksection(".maps") = .{};

const Sum = struct { limit: u64, total: u64 };

fn add(_: *const u32, value: *u64, sum: *Sum) bpf.Next {
    sum.total += value.*;
    return if (sum.total > sum.limit) .stop else .again;
}

pub fn walks(ctx: *bpf.SkBuff) void {
    var sum: Sum = .{ .limit = ctx.len, .total = 0 };
    numbers.forEach(&sum, add);
    found = sum.total;
    cells.forEach(&sum, add);
    other = sum.total;
}

// Members at places that are no multiples of their sizes.
const Odd = extern struct { first: u8, second: u32 align(1), third: u64 align(2) };
export var odd_values: bpf.Array(Odd, 1) linksection(".maps") = .{};
export var odd_events: bpf.RingBuf(Odd).with(.{ .max_entries = 4096 }) linksection(".maps") = .{};

pub fn odd(ctx: *bpf.SkBuff) !void {
    const value = odd_values.lookup(0) orelse return error.Lost;
    value.first = 1;
    value.second += 0x0102_0300 + ctx.len;
    value.third = @as(u64, value.second) << 32;
    const event = odd_events.reserve() orelse return error.NoRoom;
    event.* = value.*;
    odd_events.submit(event);
}

// Messages from user space.
const Message = extern struct { id: u32, amount: u32 };
export var inbox: bpf.UserRingBuf(Message).with(.{ .max_entries = 4096 }) linksection(".maps") = .{};
export var outbox: bpf.RingBuf(Message).with(.{ .max_entries = 8192 }) linksection(".maps") = .{};

fn take(message: *const Message, total: *u64) bpf.Next {
    total.* +%= message.amount;
    return .again;
}

pub fn messages() !void {
    if (bpf.process.pid() != watched) return;
    var total: u64 = 0;
    other +%= try inbox.drain(&total, take);
    found +%= total;
    const event = outbox.reserve() orelse return;
    event.* = .{ .id = @truncate(outbox.waiting()), .amount = @truncate(outbox.size()) };
    outbox.submitAnd(event, .never);
}

// Values of tasks and sockets.
export var of_tasks: bpf.TaskStorage(u64) linksection(".maps") = .{};
export var of_sockets: bpf.SkStorage(u64) linksection(".maps") = .{};
export var of_group: bpf.CgroupLocal(u64) linksection(".maps") = .{};
export var of_group_cpus: bpf.PerCpuCgroupLocal(u64) linksection(".maps") = .{};

pub fn tasks() !void {
    if (bpf.process.pid() != watched) return;
    const task = bpf.helpers.get_current_task_btf() orelse return;
    const calls = of_tasks.getOrCreate(task) orelse return error.NoMemory;
    calls.* += 1;
    found = calls.*;
}

pub fn sockets(ctx: *bpf.SkBuff) !bpf.Egress {
    const socket = bpf.helpers.sk_fullsock(bpf.socket.of(ctx) orelse return .pass) orelse return .pass;
    const packets = of_sockets.getOrCreate(socket) orelse return error.NoMemory;
    packets.* += 1;
    found = packets.*;
    return .pass;
}

pub fn local() bpf.Egress {
    of_group.get().* +%= 1;
    of_group_cpus.get().* +%= 1;
    found = of_group.get().*;
    return .pass;
}

// Redirection.
export var interfaces: bpf.DevMap(4) linksection(".maps") = .{};
export var interfaces_hash: bpf.DevMapHash(4) linksection(".maps") = .{};
export var cpus: bpf.CpuMap(4) linksection(".maps") = .{};
export var xsks: bpf.XskMap(4) linksection(".maps") = .{};

pub fn send(ctx: *bpf.XdpMd) bpf.XDP {
    return if (interfaces.has(ctx.ingress_ifindex)) .pass else interfaces.redirect(0, .drop);
}

pub fn send_all() bpf.XDP {
    return interfaces_hash.broadcast();
}

pub fn to_cpu() bpf.XDP {
    return cpus.redirect(1, .pass);
}

pub fn to_socket(ctx: *bpf.XdpMd) bpf.XDP {
    return xsks.redirect(ctx.rx_queue_index, .tx);
}

// Control groups, counters.
export var cgroups: bpf.CgroupArray(2) linksection(".maps") = .{};
export var perf: bpf.PerfCounterArray(64) linksection(".maps") = .{};

pub fn groups() !void {
    if (bpf.process.pid() != watched) return;
    found = if (try cgroups.hasCurrentTask(0)) 1 else 2;
}

pub fn counters() !void {
    if (bpf.process.pid() != watched) return;
    found = (try perf.read()).counter;
}

// Sockets.
export var by_index: bpf.SockMap(4) linksection(".maps") = .{};
export var by_port: bpf.SockHash(u32, 4) linksection(".maps") = .{};
export var shared: bpf.ReuseportSockArray(4) linksection(".maps") = .{};

pub fn gather(ctx: *bpf.types.bpf_sock_ops) !void {
    const key: u32 = 0;
    try by_index.add(ctx, &key, bpf.ANY);
    const port = ctx.local_port;
    try by_port.add(ctx, &port, bpf.ANY);
}

pub fn deliver(ctx: *bpf.SkBuff) bpf.SK {
    return by_index.redirect(ctx, &0, 0);
}

/// To the other end, if it is on this machine: it has the remote port, which comes in the order of the network.
pub fn say(ctx: *bpf.types.sk_msg_md) bpf.SK {
    const port = std.mem.bigToNative(u32, ctx.remote_port);
    found +%= ctx.size;
    return by_port.redirect(ctx, &port, bpf.constants.F_INGRESS);
}

pub fn choose(ctx: *bpf.types.sk_reuseport_md) !bpf.SK {
    try shared.select(ctx, &0);
    return .pass;
}

pub fn assign(ctx: *bpf.types.bpf_sk_lookup) !bpf.SK {
    try by_index.assign(ctx, &0);
    return .pass;
}
