//! refuses: Cannot select
//! advises: A labelled switch with `continue :label` becomes an indirect jump
const bpf = @import("bpf");
pub const programs = .{ .walk = "raw_tp/sys_enter" };
export var state: u64 = 0;
export var table: [8]u64 = @splat(0);
pub fn walk(ctx: *bpf.RawTracepoint) void {
    var steps: u32 = 0;
    next: switch (ctx.args[0] & 3) {
        0 => {
            steps +%= 1;
            if (steps > 7) return;
            continue :next table[steps & 7] & 3;
        },
        1 => {
            steps +%= 3;
            if (steps > 7) return;
            continue :next table[steps & 7] & 3;
        },
        2 => {
            steps +%= 2;
            if (steps > 7) return;
            continue :next table[steps & 7] & 3;
        },
        else => state = steps,
    }
}
