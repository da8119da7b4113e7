//! Safety checks that fail in a loop while a ring-buffer record is held that each round acquires anew.
//! `args[0]` is where the first round reads, `args[1]` how many rounds there are, where that is not fixed.

const bpf = @import("bpf");

const Context = *const bpf.RawTracepoint;
const here = "raw_tp/sys_enter";

export var events: bpf.RingBuf(u64).with(.{ .max_entries = 65536 }) linksection(".maps") = .{};
export var table: [16]u64 = .{ 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25 };

noinline fn get(index: u64) u64 {
    return table[index];
}

/// LLVM unrolls it: each round has a call of its own, and all share what follows a failed check.
export fn fixed(ctx: Context) linksection(here) c_int {
    for (0..4) |i| {
        const record = events.reserve() orelse break;
        record.* = table[ctx.args[0] + i];
        events.submit(record);
    }
    return 1;
}

export fn optional(ctx: Context) linksection(here) c_int {
    for (0..8) |i| {
        if (events.reserve()) |record| {
            record.* = table[ctx.args[0] + i];
            events.submit(record);
        }
    }
    return 1;
}

export fn counted(ctx: Context) linksection(here) c_int {
    var i: u64 = 0;
    while (i < ctx.args[1] and i < 20) : (i += 1) {
        const record = events.reserve() orelse break;
        record.* = table[ctx.args[0] + i];
        if (record.* == 13) {
            events.discard(record);
            continue;
        }
        events.submit(record);
    }
    return @intCast(i);
}

export fn called(ctx: Context) linksection(here) c_int {
    var i: u64 = 0;
    while (i < ctx.args[1] and i < 20) : (i += 1) {
        const record = events.reserve() orelse break;
        defer events.submit(record);
        record.* = 0;
        record.* = get(ctx.args[0] + i);
    }
    return @intCast(i);
}

/// Two at once.
export fn pairs(ctx: Context) linksection(here) c_int {
    var i: u64 = 0;
    while (i < ctx.args[1] and i < 20) : (i += 2) {
        const first = events.reserve() orelse break;
        const second = events.reserve() orelse {
            events.discard(first);
            break;
        };
        first.* = table[ctx.args[0] + i];
        second.* = table[ctx.args[0] + i + 1];
        events.submit(first);
        events.submit(second);
    }
    return @intCast(i);
}

/// The record of the next round is acquired in this one.
export fn ahead(ctx: Context) linksection(here) c_int {
    var record = events.reserve() orelse return -1;
    var i: u64 = 0;
    while (i < ctx.args[1] and i < 20) : (i += 1) {
        record.* = table[ctx.args[0] + i];
        events.submit(record);
        record = events.reserve() orelse return -1;
    }
    events.discard(record);
    return @intCast(i);
}
