//! XDP: a histogram of powers of two, in an array map.

const bpf = @import("bpf");

export var slots: bpf.Array(u64, 64) linksection(".maps") = .{};

fn log2Of32(given: u32) u32 {
    var value = given;
    var result: u32 = 0;
    inline for (.{ 4, 3, 2, 1 }) |power| {
        const bits = @as(u32, 1) << power;
        const shift = @as(u5, @intFromBool(value >> bits != 0)) << power;
        value >>= shift;
        result |= shift;
    }
    return result | value >> 1;
}

fn log2Of64(value: u64) u32 {
    const high: u32 = @intCast(value >> 32);
    return if (high != 0) log2Of32(high) + 32 else log2Of32(@truncate(value));
}

export fn prog(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const value = bpf.packet.at(u64, ctx, 16) orelse return bpf.XDP.PASS;
    if (slots.lookup(log2Of64(value.*))) |found| found.* += 1;
    return bpf.XDP.PASS;
}
