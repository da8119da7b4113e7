//! Maps that are pinned by name, of every kind that holds no more than its kind says: aggregates, references, owners.

const bpf = @import("bpf");

pub const programs = .{ .count = "socket", .last = "socket", .of_group = "cgroup_skb/egress", .traced = "raw_tp/sys_enter" };

const by_name: bpf.MapOptions = .{ .pinning = .by_name };
const Inner = bpf.Hash(u32, u64, 4);

export var packets: bpf.Counter.with(by_name) linksection(".maps") = .{};
export var by_length: bpf.CounterBy(u32, 4).with(.{ .pinning = .by_name, .flags = bpf.constants.F_NO_PREALLOC }) linksection(".maps") = .{};
export var sizes: bpf.Hist.with(by_name) linksection(".maps") = .{};
export var sizes_by_length: bpf.HistBy(u32, 4).with(.{ .pinning = .by_name, .max_entries = 8 }) linksection(".maps") = .{};
export var stacks: bpf.StackTrace(64).with(by_name) linksection(".maps") = .{};
export var samples: bpf.StackCounter("stacks", 64).with(by_name) linksection(".maps") = .{};
export var inner: Inner linksection(".maps") = .{};
export var next: bpf.ProgArray(2).with(by_name) linksection(".maps") = .{ .values = .{ null, bpf.entry(@This(), "last") } };
export var tables: bpf.ArrayOfMaps(Inner, 2).with(by_name) linksection(".maps") = .{ .values = .{ null, &inner } };
export var tables_by_number: bpf.HashOfMaps(u32, Inner, 2).with(by_name) linksection(".maps") = .{};
export var groups: bpf.CgroupArray(2).with(by_name) linksection(".maps") = .{};
export var events: bpf.PerfEventArrayOf(u64).with(by_name) linksection(".maps") = .{};
export var counters: bpf.PerfCounterArray(2).with(by_name) linksection(".maps") = .{};
export var local: bpf.CgroupLocal(u64).with(by_name) linksection(".maps") = .{};
export var local_by_cpu: bpf.PerCpuCgroupLocal(u64).with(by_name) linksection(".maps") = .{};
export var shared: bpf.Arena(4).with(by_name) linksection(".maps") = .{};

pub fn count(ctx: *bpf.SkBuff) !i32 {
    const length = ctx.len;
    packets.add(1);
    sizes.record(length);
    try by_length.add(&length, 1);
    try sizes_by_length.record(&length, length);
    if (tables.lookup(1)) |table| try table.update(&length, &@as(u64, 1), bpf.ANY);
    next.tailCall(ctx, 1);
    return 1;
}

pub fn last() i32 {
    return 2;
}

pub fn of_group() bpf.Egress {
    local.get().* += 1;
    local_by_cpu.get().* += 1;
    return .pass;
}

pub fn traced(ctx: *bpf.RawTracepoint) !void {
    if (bpf.process.pid() != watched) return;
    try samples.add(ctx, &stacks, 1);
    try events.output(ctx, &@as(u64, 1));
}

pub export var watched: u32 linksection(".rodata") = 0;
