//! refuses: counts the stacks of map 'stacks', which the object does not define
//! advises: export var stacks: bpf.StackTrace(1024) linksection(".maps") = .{};
const bpf = @import("bpf");
pub const programs = .{ .watch = "perf_event" };
export var samples: bpf.StackCounter("stacks", 64) linksection(".maps") = .{};
export var traces: bpf.StackTrace(64) linksection(".maps") = .{};
pub fn watch(ctx: *const bpf.PerfEvent) !void {
    try samples.add(ctx, &traces, 1);
}
