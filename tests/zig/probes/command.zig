//! For `pyzbpf run`: two buffers with events of different types, maps and variables of each kind, and a check
//! that fails from the fifth call on. Looks at one system call of one process.

const bpf = @import("bpf");

const Kind = enum(u32) { plain, special = 7 };
const Pair = extern struct { low: u8, high: i32 };
const Stored = extern struct { low: u32, high: i32 };
const Call = extern struct { number: u64, pid: u32, kind: Kind, pair: Pair, address: [4]u8, command: bpf.Text(16) };

export var calls: bpf.RingBuf(Call) linksection(".maps") = .{};
export var numbers: bpf.PerfEventArrayOf(u64) linksection(".maps") = .{};
export var by_pid: bpf.Hash(u32, Stored, 16) linksection(".maps") = .{};
export var slots: bpf.Array(u64, 64) linksection(".maps") = .{};
export var per_cpu: bpf.PerCpuArray(u64, 4) linksection(".maps") = .{};
export var unused: bpf.Hash(u32, u32, 16) linksection(".maps") = .{};

export var target: u32 linksection(".rodata") = 0;
export var wanted: u64 linksection(".rodata") = 0;
export var kind: Kind linksection(".rodata") = .plain;
export var address: [4]u8 linksection(".rodata") = @splat(0);
export var mac: [6]u8 linksection(".rodata") = @splat(0);
export var peer: u32 linksection(".rodata") = 0;
export var level: i16 linksection(".rodata") = 0;
export var quiet: bool linksection(".rodata") = false;
export var name: bpf.Text(8) linksection(".rodata") = @splat(0);
export var limits: [3]u16 linksection(".rodata") = @splat(0);
export var pair: Pair linksection(".rodata") = .{ .low = 0, .high = 0 };

export var seen: u64 = 0;
export var last: bpf.Text(16) = @splat(0);
export var table: [4]u64 = @splat(0);

export fn enter(ctx: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    if (bpf.process.pid() != target or ctx.args[1] != wanted) return 0;
    seen +%= 1;
    bpf.process.command(&last);
    if (!quiet) {
        const number = seen;
        numbers.output(ctx, &number) catch {};
        if (calls.reserve()) |call| {
            call.number = number;
            call.pid = target;
            call.kind = kind;
            call.pair = .{ .low = 9, .high = level };
            call.address = address;
            call.command = last;
            calls.submit(call);
        }
    }
    by_pid.update(&target, &.{ .low = limits[0], .high = -1 }, bpf.ANY) catch {};
    slots.update(5, &seen) catch {};
    if (per_cpu.lookup(2)) |count| count.* +%= 1;
    table[seen - 1] += 1;
    return 0;
}
