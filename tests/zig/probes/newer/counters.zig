//! Counters that are checked for overflow, in loops with branches.

const bpf = @import("bpf");

pub const programs = .{ .called = "xdp", .ranged = "xdp", .plain = "xdp" };

export var table: [64]u32 linksection(".data") = @splat(0);
export var start: u32 = 0;
export var counted: u32 = 0;
export var sum: u64 = 0;

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
