const std = @import("std");
const pyzbpf = @import("pyzbpf");

pub fn build(b: *std.Build) void {
    pyzbpf.installProbe(b, .{
        .name = "exited",
        .root_source_file = b.path("probes/exited.zig"),
        .python = b.option([]const u8, "python", "Python that has pyzbpf (python3 of PATH)"),
    });
}
