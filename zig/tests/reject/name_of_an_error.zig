//! refuses: name_of_an_error.zig:14: function 'watch' uses data that holds an address, which no loader can fill in
//! advises: instead of @errorName(e) the number @intFromError(e), or a `switch` over it
const bpf = @import("bpf");
pub const programs = .{ .watch = "xdp" };
export var first: u8 = 0;
export var chosen: u32 = 0;
fn pick() error{ A, Bc, D }!void {
    if (chosen == 1) return error.A;
    if (chosen == 2) return error.Bc;
    if (chosen == 3) return error.D;
}
pub fn watch() void {
    pick() catch |e| {
        const name = @errorName(e);
        first = name[0];
    };
}
