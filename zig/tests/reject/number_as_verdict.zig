//! refuses: it returns u32; wanted is void, or bpf.XDP, also behind `!`: .aborted .drop .pass .tx .redirect
const bpf = @import("bpf");
pub const programs = .{ .drop = "xdp" };
pub fn drop() u32 {
    return 7;
}
