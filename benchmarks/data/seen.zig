//! The start-up probe: samples are counted in an array.

const bpf = @import("bpf");

export var seen: bpf.Array(u64, 1) linksection(".maps") = .{};

export fn sample(_: *const bpf.PerfEvent) linksection("perf_event") c_int {
    const found = seen.lookup(0) orelse return 0;
    found.* +%= 1;
    return 0;
}
