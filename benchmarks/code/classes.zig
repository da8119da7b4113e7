//! XDP: two tables, the index of the first from the packet, of the second from the first.

const bpf = @import("bpf");
const Ip = @import("ip.zig").Ip;

const Class = extern struct { priority: u32, weight: u32 };

export var classes: [16]Class linksection(".rodata") = .{
    .{ .priority = 0, .weight = 1 },    .{ .priority = 1, .weight = 2 },   .{ .priority = 1, .weight = 3 },
    .{ .priority = 2, .weight = 5 },    .{ .priority = 2, .weight = 8 },   .{ .priority = 3, .weight = 13 },
    .{ .priority = 3, .weight = 21 },   .{ .priority = 4, .weight = 34 },  .{ .priority = 4, .weight = 55 },
    .{ .priority = 5, .weight = 89 },   .{ .priority = 5, .weight = 144 }, .{ .priority = 6, .weight = 233 },
    .{ .priority = 6, .weight = 377 },  .{ .priority = 7, .weight = 610 }, .{ .priority = 7, .weight = 987 },
    .{ .priority = 7, .weight = 1597 },
};
export var weights: [8]u64 = @splat(0);

export fn prog(ctx: *bpf.XdpMd) linksection("xdp") c_int {
    const ip = bpf.packet.at(Ip, ctx, 14) orelse return bpf.XDP.PASS;
    const index = ip.service >> 2;
    if (index >= classes.len) return bpf.XDP.DROP;
    const class = classes[index];
    if (class.priority >= weights.len) return bpf.XDP.DROP;
    weights[class.priority] += class.weight;
    return bpf.XDP.PASS;
}
