//! advises: write `for (&table) |item|`
const bpf = @import("bpf");
pub const programs = .{ .p = "raw_tp/sys_enter" };
export var nines: u64 = 0;
export var table: [256]u64 = @splat(1);
pub fn p() void {
    for (table) |item| {
        if (item == 9) nines += 1;
    }
}
