//! refuses: a redirect that finds nothing cannot redirect: .pass, .drop, .tx or .aborted
const bpf = @import("bpf");
pub const programs = .{ .send = "xdp" };
export var interfaces: bpf.DevMap(4) linksection(".maps") = .{};
pub fn send() bpf.XDP {
    return interfaces.redirect(0, .redirect);
}
