//! What programs return when a safety check fails, where their kind's neutral verdict is not wanted:
//! `pub const trap_verdicts = .{ .prog = bpf.XDP.DROP };` in the probe.

const author = @import("author.zig").file;
const marker = @import("marker.zig");

comptime {
    if (@hasDecl(author, "trap_verdicts")) {
        if (@typeInfo(@TypeOf(author.trap_verdicts)) != .@"struct" or @typeInfo(@TypeOf(author.trap_verdicts)).@"struct".is_tuple) {
            @compileError("trap_verdicts names programs and their verdicts: `pub const trap_verdicts = .{ .prog = -1 };`");
        }
        for (@typeInfo(@TypeOf(author.trap_verdicts)).@"struct".field_names) |program| {
            asm (marker.verdict(program, @field(author.trap_verdicts, program)));
        }
    }
}
