//! Counters and sums that are checked for overflow, in loops with branches.

const bpf = @import("bpf");

pub const programs = .{ .called = "xdp", .ranged = "xdp", .plain = "xdp", .member = "xdp", .indexes = "xdp" };

export var table: [64]u32 linksection(".data") = @splat(0);
export var start: u32 = 0;
export var counted: u32 = 0;
export var sum: u64 = 0;
export var signed: i32 = 0;

const State = struct { count: u32, sum: u64 = 0 };

fn body(index: u32, state: *State) bpf.Next {
    if (table[index & 63] > 3) state.count += 1;
    state.sum += table[index & 63];
    return .again;
}

pub fn called() bpf.XDP {
    var state: State = .{ .count = start };
    bpf.loop(1000, &state, body);
    counted = state.count;
    sum = state.sum;
    return .tx;
}

pub fn ranged() bpf.XDP {
    var count: u32 = 0;
    var total: u64 = 0;
    var numbers: bpf.Range = undefined;
    numbers.init(0, 1000);
    defer numbers.deinit();
    while (numbers.next()) |number| {
        const index: u32 = @bitCast(number);
        if (table[index & 63] > 3) count += 1;
        total += table[(index + 3) & 63];
    }
    counted = count;
    sum = total;
    return .tx;
}

pub fn plain() bpf.XDP {
    var count: u32 = 0;
    var index: u32 = 0;
    while (index < 500) : (index += 1) {
        if (table[index & 63] > 3) count += 1;
    }
    counted = count;
    return .tx;
}

/// A narrow counter is compared with its own lower bits, in the middle of a struct on the stack.
pub fn member() bpf.XDP {
    var seen: extern struct { time: u64, count: u16, rest: u16, path: [64]u8 } = undefined;
    seen.count = @truncate(start);
    if (bpf.helpers.probe_read_kernel(&seen.path, seen.path.len, &names) != 0) return .drop;
    for (&seen.path) |character| {
        if (character == 'x') seen.count += 1;
    }
    counted = seen.count;
    return .tx;
}

export var names: [64]u8 linksection(".data") = @splat(0);

/// Sums are compared with what they were before.
pub fn indexes() bpf.XDP {
    var total: u64 = @as(u64, start) << 32;
    for (&table, 0..) |value, index| {
        if (value > 3) total += index;
    }
    var threes: i32 = 0;
    for (&table) |value| {
        if (value > 3) threes += 3;
    }
    sum = total;
    signed = threes;
    return .tx;
}
