//! refuses: slices_by_index.zig:10: function 'watch' uses data that holds an address, which no loader can fill in
//! advises: instead of an array of slices one of texts of a length, `[_][4]u8{ "zero".*, "one\x00".* }`
const bpf = @import("bpf");
pub const programs = .{ .watch = "xdp" };
export var chosen: u32 = 0;
const names = [_][]const u8{ "zero", "one", "two" };
export var first: u8 = 0;
pub fn watch(ctx: *bpf.XdpMd) void {
    _ = ctx;
    const name = names[chosen % 3];
    first = name[0];
}
