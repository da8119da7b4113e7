//! A struct of functions that is registered without a link, in the one section that libbpf 1.1 knows for it.

const bpf = @import("bpf");

pub const programs = .{ .ssthresh = "struct_ops", .undo = "struct_ops", .avoid = "struct_ops" };
pub const trap_verdicts = .{ .ssthresh = 2, .undo = 2, .avoid = 0 };

const tcp_congestion_ops = extern struct {
    ssthresh: ?*const fn () callconv(.c) i32,
    undo_cwnd: ?*const fn () callconv(.c) i32,
    cong_avoid: ?*const fn () callconv(.c) i32,
    name: bpf.Text(16),
};

export var pyzbpf_plain: tcp_congestion_ops linksection(".struct_ops") = .{
    .ssthresh = @ptrCast(@alignCast(bpf.entry(@This(), "ssthresh"))),
    .undo_cwnd = @ptrCast(@alignCast(bpf.entry(@This(), "undo"))),
    .cong_avoid = @ptrCast(@alignCast(bpf.entry(@This(), "avoid"))),
    .name = bpf.asText(16, "pyzbpf_plain"),
};

pub fn ssthresh() i32 {
    return 2;
}

pub fn undo() i32 {
    return 2;
}

pub fn avoid() i32 {
    return 0;
}
