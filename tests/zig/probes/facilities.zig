//! What the kernel offers beside maps: memory of processes, packets, locks, iterators, exceptions, text.

const bpf = @import("bpf");
const net = bpf.net;

pub const programs = .{
    .opened = "tracepoint/syscalls/sys_enter_openat",
    .executed = "tracepoint/sched/sched_process_exec",
    .packet = "xdp",
    .patch = "xdp",
    .locked = "tc",
    .counted = "tc",
    .thrown = "tc",
    .part = "tc",
    .named = "raw_tp/sys_enter",
};

pub export var watched: u32 linksection(".rodata") = 0;
export var result: u64 = 0;

// Text and memory of a process, the tracepoint's members by CO-RE.
const trace_event_raw_sys_enter = extern struct { id: c_long, args: [6]c_ulong };
const Opened = extern struct { path: bpf.Text(64), length: u32, flags: u32 };
export var opens: bpf.RingBuf(Opened) linksection(".maps") = .{};

pub fn opened(ctx: *const trace_event_raw_sys_enter) !void {
    if (bpf.process.pid() != watched) return;
    const event = opens.reserve() orelse return error.RingIsFull;
    event.length = try bpf.user.readText(bpf.core.load(ctx, "args[1]"), &event.path);
    event.flags = @truncate(bpf.core.load(ctx, "args[2]"));
    if (!bpf.startsWith(&event.path, "/tmp/")) return error.Elsewhere;
    opens.submit(event);
}

const trace_event_raw_sched_process_exec = extern struct { __data_loc_filename: u32, pid: i32 };
pub fn executed(ctx: *const trace_event_raw_sched_process_exec) !void {
    const event = opens.reserve() orelse return error.RingIsFull;
    event.flags = @bitCast(bpf.core.load(ctx, "pid"));
    event.length = try bpf.tracepoint.text(ctx, "__data_loc_filename", &event.path);
    opens.submit(event);
}

// Headers and checksums.
export var checksum: u16 = 0;

pub fn packet(ctx: *bpf.XdpMd) !bpf.XDP {
    const ethernet = bpf.packet.at(net.Ethernet, ctx, 0) orelse return error.TooShort;
    if (ethernet.type.get() != net.EtherType.ipv4) return .pass;
    const ip = bpf.packet.at(net.Ipv4, ctx, 14) orelse return error.TooShort;
    checksum = net.checksumOf(ip);
    if (ip.protocol != net.Protocol.udp) return .pass;
    const udp = bpf.packet.at(net.Udp, ctx, 14 + ip.length()) orelse return error.TooShort;
    result = udp.target.get();
    return .drop;
}

/// One hop less, with the checksum that belongs to it.
pub fn patch(ctx: *bpf.XdpMd) !bpf.XDP {
    const ip = bpf.packet.at(net.Ipv4, ctx, 14) orelse return error.TooShort;
    const word: *u16 = @ptrCast(&ip.ttl);
    const old = word.*;
    ip.ttl -%= 1;
    ip.checksum = net.changed(ip.checksum, old, word.*);
    return .tx;
}

// Locks.
const Guarded = extern struct { lock: bpf.SpinLock, times: u32, total: u64 };
export var guarded: bpf.Array(Guarded, 1) linksection(".maps") = .{};

pub fn locked(ctx: *bpf.SkBuff) !void {
    const length = ctx.len;
    const value = guarded.lookup(0) orelse return error.Lost;
    bpf.spin.lock(&value.lock);
    value.times +%= 1;
    value.total +%= length;
    bpf.spin.unlock(&value.lock);
}

// Iterators.
pub fn counted(ctx: *bpf.SkBuff) void {
    var numbers: bpf.Range = undefined;
    numbers.init(0, @bitCast(ctx.len));
    defer numbers.deinit();
    while (numbers.next()) |number| result +%= @as(u32, @bitCast(number));
}

// Exceptions.
noinline fn deep(length: u32) u32 {
    if (length > 90) bpf.throw(42);
    result +%= 1;
    return length;
}

pub fn thrown(ctx: *bpf.SkBuff) bpf.TC {
    return if (deep(ctx.len) > 70) .shot else .ok;
}

// Memory of a length that is known when it runs.
export var parts: bpf.RingBuf(u64) linksection(".maps") = .{};

pub fn part(ctx: *bpf.SkBuff) void {
    var record: bpf.Dynptr = undefined;
    bpf.dynptr.reserve(&parts, if (ctx.len > 80) 8 else 4, &record) catch {
        bpf.dynptr.discard(&record);
        return;
    };
    const value: u64 = 0x1122334455667788;
    bpf.dynptr.write(&record, 0, &value) catch {
        bpf.dynptr.discard(&record);
        return;
    };
    bpf.dynptr.submit(&record);
}

// Text.
pub fn named() void {
    if (bpf.process.pid() != watched) return;
    var name: bpf.Text(16) = undefined;
    bpf.process.command(&name);
    result = if (bpf.isText(&name, "python") or bpf.startsWith(&name, "py")) 1 else 2;
}
