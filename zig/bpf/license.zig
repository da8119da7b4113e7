//! The object's licence, which the kernel asks for: `pub const license = "Dual MIT/GPL";` in the probe.
//!
//! A probe that says nothing is marked "GPL": most helpers that look at the kernel are given to
//! GPL-compatible programs only.

const author = @import("author.zig").file;
const marker = @import("marker.zig");

const text: []const u8 = if (@hasDecl(author, "license")) checked(author.license) else "GPL";
const bytes = (text ++ "\x00")[0 .. text.len + 1].*;

comptime {
    // On the host, where the SDK's own tests run, nobody asks.
    if (@import("builtin").target.cpu.arch.isBpf()) @export(&bytes, .{ .name = "_license", .section = "license" });
}

fn checked(comptime given: anytype) []const u8 {
    if (!marker.isText(@TypeOf(given))) @compileError("license is text, not " ++ @typeName(@TypeOf(given)) ++ ": `pub const license = \"Dual MIT/GPL\";`");
    return given;
}
