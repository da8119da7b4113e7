//! refuses: the variant 'closed' of the event type variants_are_alike.Event of a map is the same type as 'opened': Python tells events by their structs
const bpf = @import("bpf");
const Call = extern struct { time: u64 };
const Event = union(enum) { opened: Call, closed: Call };
export var events: bpf.RingBuf(Event) linksection(".maps") = .{};
pub const programs = .{ .send = "socket" };
pub fn send() !u32 {
    try events.output(.{ .closed = .{ .time = 1 } });
    return 1;
}
