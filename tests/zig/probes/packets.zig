//! Numbers in packets at odd places, to the last byte; CO-RE reads that fail.

const bpf = @import("bpf");
const core = bpf.core;

const Odd = extern struct { number: u64 align(1), half: u16 align(1) };
const task_struct = extern struct { real_parent: *task_struct, tgid: i32, sched_reset_on_fork: core.Bits(u32, 1), comm: bpf.Text(16) };

export var natural: u64 = 0;
export var packed_number: u64 = 0;
export var packed_half: u16 = 0;
export var rounds: u64 = 0;
export var failed: u32 = 0;
export var number: i32 = 7;
export var far: i32 = 7;
export var bits: u32 = 7;
export var command: bpf.Text(16) = @splat('x');
export var read: i32 = 7;

/// The same eight bytes at an odd place, as their type is aligned by nature and as it is not.
export fn numbers(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const one = bpf.packet.at(u64, ctx, 15) orelse return bpf.XDP.ABORTED;
    const other = bpf.packet.at(Odd, ctx, 15) orelse return bpf.XDP.DROP;
    natural = one.*;
    packed_number = other.number;
    packed_half = other.half;
    return bpf.XDP.PASS;
}

/// What every machine may read.
export fn odd(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const found = bpf.packet.at(Odd, ctx, 15) orelse return bpf.XDP.ABORTED;
    packed_number = found.number;
    return bpf.XDP.PASS;
}

/// As many bytes as the packet has.
export fn bytes(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    rounds = 0;
    for (0..256) |offset| {
        _ = bpf.packet.at(u8, ctx, offset) orelse break;
        rounds += 1;
    }
    const first = bpf.packet.at(u8, ctx, 0) orelse return bpf.XDP.ABORTED;
    return first.*;
}

/// The packet has moved: what was loaded of it before is not what it is now.
export fn moved(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const before = bpf.packet.at(u8, ctx, 0) orelse return bpf.XDP.ABORTED;
    const first = before.*;
    if (bpf.helpers.xdp_adjust_head(ctx, 4) < 0) return bpf.XDP.ABORTED;
    const after = bpf.packet.at(u8, ctx, 0) orelse return bpf.XDP.ABORTED;
    return @as(c_int, first) * 256 + after.*;
}

fn ask(into: anyerror!void) void {
    into catch {
        failed += 1;
    };
}

/// Nothing lies there on any machine; at address 0 there is something on s390x.
const nowhere = 1 << 60;

export fn nothing(_: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    const task = core.pointer(task_struct, nowhere);
    failed = 0;
    ask(core.readInto(task, "tgid", &number));
    ask(core.readInto(task, "real_parent.tgid", &far));
    ask(core.readInto(task, "sched_reset_on_fork", &bits));
    ask(core.readInto(task, "comm", &command));
    read = core.read(task, "real_parent.tgid") + @as(i32, @bitCast(core.read(task, "sched_reset_on_fork")));
    return 0;
}

/// The same from the task that runs.
export fn something(_: *const bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    const task = core.currentTask(task_struct);
    failed = 0;
    ask(core.readInto(task, "tgid", &number));
    ask(core.readInto(task, "real_parent.tgid", &far));
    ask(core.readInto(task, "sched_reset_on_fork", &bits));
    ask(core.readInto(task, "comm", &command));
    return 0;
}
