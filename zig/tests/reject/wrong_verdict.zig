//! refuses: wrong_verdict.zig:5: Zig could not compile
//! refuses: program 'drop' of section 'cgroup_skb/ingress': it returns bpf.program.xdp.Action; wanted is void, or bpf.Access, also behind `!`: .deny .allow
const bpf = @import("bpf");
pub const programs = .{ .drop = "cgroup_skb/ingress" };
pub fn drop() bpf.XDP {
    return .drop;
}
