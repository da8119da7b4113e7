//! refuses: program 'drop' of section 'xdp': it may return anyerror, and errors are counted by name
//! refuses: any_error.zig:5: Zig could not compile
const bpf = @import("bpf");
pub const programs = .{ .drop = "xdp" };
pub fn drop(ctx: *bpf.XdpMd) anyerror!bpf.XDP {
    if (ctx.data == ctx.data_end) return error.Empty;
    return .drop;
}
