//! A congestion control of TCP: a struct of functions that the kernel calls, registered by a link or without.

const bpf = @import("bpf");

pub const programs = .{ .ssthresh = "struct_ops", .undo = "struct_ops", .avoid = "struct_ops", .start = "struct_ops" };
pub const trap_verdicts = .{ .ssthresh = 2, .undo = 2, .avoid = 0, .start = 0 };

const sock = extern struct { sk_rcvbuf: c_int };

/// The kernel's struct, with the members that are used; where they lie is found when it is loaded.
const tcp_congestion_ops = extern struct {
    ssthresh: ?*const anyopaque,
    undo_cwnd: ?*const anyopaque,
    cong_avoid: ?*const anyopaque,
    init: ?*const anyopaque,
    name: bpf.Text(16),
};

export var pyzbpf_zig: tcp_congestion_ops linksection(".struct_ops.link") = named("pyzbpf_zig");
export var pyzbpf_classic: tcp_congestion_ops linksection("?.struct_ops") = named("pyzbpf_zig2");

fn named(comptime name: []const u8) tcp_congestion_ops {
    return .{
        .ssthresh = bpf.entry(@This(), "ssthresh"),
        .undo_cwnd = bpf.entry(@This(), "undo"),
        .cong_avoid = bpf.entry(@This(), "avoid"),
        .init = bpf.entry(@This(), "start"),
        .name = bpf.asText(16, name),
    };
}

export var starts: u64 = 0;
export var buffer: c_int = 0;

pub fn start(ctx: *const extern struct { socket: *const sock }) i32 {
    starts += 1;
    buffer = bpf.core.load(ctx.socket, "sk_rcvbuf");
    return 0;
}

pub fn ssthresh() i32 {
    return 2;
}

pub fn undo() i32 {
    return 2;
}

pub fn avoid() i32 {
    return 0;
}
