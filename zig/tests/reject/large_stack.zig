//! refuses: BPF stack limit is exceeded
//! advises: A BPF program has 512 bytes of stack
const bpf = @import("bpf");
pub const programs = .{ .copy = "socket" };
export var last: u8 = 0;
pub fn copy(ctx: *bpf.SkBuff) !i32 {
    var bytes: [600]u8 = undefined;
    try bpf.packet.load(ctx, 0, &bytes);
    last = bytes[599];
    return 0;
}
