//! Programs of sockets and of a network namespace: each counts its runs, and most say no when told to.

const bpf = @import("bpf");

export var sockets: bpf.SockMap(8) linksection(".maps") = .{};
export var hashed: bpf.SockHash(u64, 8) linksection(".maps") = .{};

/// By program.
export var seen: bpf.Array(u64, 8) linksection(".maps") = .{};
export var refuse: bool linksection(".rodata") = false;

const Place = enum(u32) { lookup, reuse, parser, verdict, message, dissector, packet };

export fn lookup(_: *bpf.types.bpf_sk_lookup) linksection("sk_lookup") c_int {
    return count(.lookup, 0, 1);
}

export fn reuse(_: *bpf.types.sk_reuseport_md) linksection("sk_reuseport") c_int {
    return count(.reuse, 0, 1);
}

export fn parser(ctx: *bpf.SkBuff) linksection("sk_skb/stream_parser") c_int {
    const length: c_int = @bitCast(ctx.len);
    return count(.parser, length, length);
}

export fn verdict(_: *bpf.SkBuff) linksection("sk_skb/stream_verdict") c_int {
    return count(.verdict, 0, 1);
}

export fn message(_: *bpf.types.sk_msg_md) linksection("sk_msg") c_int {
    return count(.message, 0, 1);
}

/// 129: go on with the kernel's own (Linux 5.20); before, 0 is "it is understood".
export fn dissector(_: *bpf.SkBuff) linksection("flow_dissector") c_int {
    return count(.dissector, 1, 0);
}

inline fn count(place: Place, no: c_int, yes: c_int) c_int {
    const entry = seen.lookup(@backingInt(place)) orelse return yes;
    _ = @atomicRmw(u64, entry, .Add, 1, .monotonic);
    return if (refuse) no else yes;
}
