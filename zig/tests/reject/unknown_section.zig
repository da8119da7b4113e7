//! refuses: programs of section 'tracepint/sched/sched_switch' are not known; libbpf's names are
const bpf = @import("bpf");
pub const programs = .{ .watch = "tracepint/sched/sched_switch" };
pub fn watch() void {}
