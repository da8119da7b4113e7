//! refuses: the key type padding_in_union.Address of a map has 12 bytes of padding behind its member 'four': they are a part of the key
const bpf = @import("bpf");
const Address = extern union { four: [4]u8, six: [16]u8 };
export var seen: bpf.Hash(Address, u64, 16) linksection(".maps") = .{};
pub const programs = .{ .watch = "xdp" };
pub fn watch() void {
    _ = seen.lookup(&.{ .four = .{ 127, 0, 0, 1 } });
}
