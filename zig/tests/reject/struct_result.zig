//! refuses: in function struct_result.both
//! advises: A BPF function returns one register
const bpf = @import("bpf");

pub const programs = .{ .count = "raw_tp/sys_enter" };

const Pair = extern struct { first: u64, second: u64 };

pub fn count() void {}

export fn both(number: u64) Pair {
    return .{ .first = number, .second = number +% 1 };
}
