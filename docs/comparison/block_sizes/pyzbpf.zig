const bpf = @import("bpf");

pub const programs = .{ .issued = "tracepoint/block/block_rq_issue" };

const trace_event_raw_block_rq = extern struct { bytes: u32 };
export var values: bpf.Hist linksection(".maps") = .{};

pub fn issued(ctx: *const trace_event_raw_block_rq) void {
    values.record(bpf.core.load(ctx, "bytes"));
}
