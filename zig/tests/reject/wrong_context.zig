//! refuses: program 'drop' of section 'xdp': its parameter is *bpf.types.__sk_buff; wanted is *const bpf.types.xdp_md
const bpf = @import("bpf");
pub const programs = .{ .drop = "xdp" };
pub fn drop(_: *bpf.SkBuff) bpf.XDP {
    return .drop;
}
