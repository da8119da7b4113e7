//! refuses: the variant 'count' of the event type variant_is_a_number.Event of a map is not an extern struct with members
const bpf = @import("bpf");
const Event = union(enum) { opened: extern struct { time: u64 }, count: u64 };
export var events: bpf.RingBuf(Event) linksection(".maps") = .{};
pub const programs = .{ .send = "socket" };
pub fn send() !u32 {
    try events.output(.{ .count = 1 });
    return 1;
}
