//! refuses: the first member of part_of_another.Buffer is no part_of_another.Line
const bpf = @import("bpf");
const Line = extern struct { time: u64, text: [0]u8 };
const Buffer = extern struct { time: u64, text: [32]u8 };
export var lines: bpf.RingBuf(Line) linksection(".maps") = .{};
pub const programs = .{ .send = "socket" };
pub fn send() !u32 {
    const buffer: Buffer = .{ .time = 1, .text = @splat(0) };
    try lines.outputPart(&buffer, 10);
    return 1;
}
