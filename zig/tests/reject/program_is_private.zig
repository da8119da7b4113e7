//! refuses: refers to socket+0x0, where no exported program begins
//! advises: maps and programs that a map holds are `export var` and `export fn`; of a program in `pub const programs` write bpf.entry(@This(), "name")
const bpf = @import("bpf");
export var jumps: bpf.ProgArray(2) linksection(".maps") = .{ .values = .{ &next, null } };
fn next(_: *bpf.SkBuff) linksection("socket") callconv(.c) c_int {
    return 1;
}
export fn jump(ctx: *bpf.SkBuff) linksection("xdp") c_int {
    jumps.tailCall(ctx, 0);
    return 0;
}
