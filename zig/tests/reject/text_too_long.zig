//! refuses: "systemd-networkd" and its NUL do not fit into [16]c_char
const bpf = @import("bpf");
pub const programs = .{ .watch = "socket" };
pub fn watch() i32 {
    var name: bpf.Text(16) = undefined;
    bpf.process.command(&name);
    return if (bpf.isText(&name, "systemd-networkd")) 1 else 0;
}
