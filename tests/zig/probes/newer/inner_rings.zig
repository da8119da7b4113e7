//! Ring buffers in maps of maps: which one gets the event is known when the program runs.

const bpf = @import("bpf");

pub const programs = .{ .send = "xdp", .by_key = "xdp" };

const Event = extern struct { number: u64 };
const Ring = bpf.RingBuf(Event).with(.{ .max_entries = 65536 });

export var rings: bpf.ArrayOfMaps(Ring, 4) linksection(".maps") = .{};
export var keyed: bpf.HashOfMaps(u32, bpf.RingBuf(u32).with(.{ .max_entries = 65536 }), 4) linksection(".maps") = .{};
export var sent: u64 = 0;

pub fn send() bpf.XDP {
    const ring = rings.lookup(1) orelse return .drop;
    const event = ring.reserve() orelse return .pass;
    sent += 1;
    event.number = sent;
    ring.submit(event);
    return .tx;
}

pub fn by_key() bpf.XDP {
    const ring = keyed.lookup(7) orelse return .drop;
    const number: u32 = @truncate(sent);
    ring.output(&number) catch return .pass;
    return .tx;
}
