//! Packets of a control group and of an interface: counted, and those of one length dropped.

const bpf = @import("bpf");

const Ip = extern struct { version_length: u8, service: u8, total: u16, id: u16, fragment: u16, ttl: u8, protocol: u8 };

/// By program.
export var seen: bpf.Array(u64, 8) linksection(".maps") = .{};
export var dropped_length: u32 linksection(".rodata") = 0;

const Place = enum(u32) { cgroup_in, cgroup_out, created, classifier, tcx_in, tcx_out };

export fn cgroup_in(ctx: *bpf.SkBuff) linksection("cgroup_skb/ingress") c_int {
    count(.cgroup_in);
    return if (ctx.len == dropped_length) 0 else 1;
}

export fn cgroup_out(ctx: *bpf.SkBuff) linksection("cgroup_skb/egress") c_int {
    count(.cgroup_out);
    return if (ctx.len == dropped_length) 0 else 1;
}

export fn created(_: *bpf.types.bpf_sock) linksection("cgroup/sock_create") c_int {
    count(.created);
    return 1;
}

export fn classifier(ctx: *bpf.SkBuff) linksection("tc") c_int {
    return classify(ctx, .classifier);
}

export fn tcx_in(ctx: *bpf.SkBuff) linksection("tcx/ingress") c_int {
    return classify(ctx, .tcx_in);
}

export fn tcx_out(ctx: *bpf.SkBuff) linksection("tc/egress") c_int {
    return classify(ctx, .tcx_out);
}

/// Only UDP counts: an interface that has just come up sends packets of its own.
inline fn classify(ctx: *bpf.SkBuff, place: Place) c_int {
    const ip = bpf.packet.at(Ip, ctx, 14) orelse return bpf.TC.UNSPEC;
    if (ip.version_length != 0x45 or ip.protocol != 17) return bpf.TC.UNSPEC;
    count(place);
    return if (ctx.len == dropped_length) bpf.TC.SHOT else bpf.TC.UNSPEC;
}

inline fn count(place: Place) void {
    const entry = seen.lookup(@backingInt(place)) orelse return;
    _ = @atomicRmw(u64, entry, .Add, 1, .monotonic);
}
