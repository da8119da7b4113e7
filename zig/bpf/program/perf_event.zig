//! Samples: section "perf_event" (Linux 4.9).

const core = @import("../core.zig");
const marker = @import("../marker.zig");
const pt = @import("registers.zig");

/// The context: where the sample was taken. Its fields lie behind the registers, of which machines have
/// different numbers; s390x, the big-endian one, has 152 bytes of them.
const bpf_perf_event_data = extern struct {
    sample_period: u64,
    addr: u64,

    /// How many events of the counter one sample stands for; nanoseconds for a clock.
    pub inline fn period(self: *const bpf_perf_event_data) u64 {
        return if (comptime marker.is_big_endian) pt.load(self, 152) else core.load(self, "sample_period");
    }

    /// The address that the event is about, for counters that know one (page-faults).
    pub inline fn address(self: *const bpf_perf_event_data) u64 {
        return if (comptime marker.is_big_endian) pt.load(self, 160) else core.load(self, "addr");
    }

    /// The registers of what was interrupted.
    pub inline fn registers(self: *const bpf_perf_event_data) *const pt.PtRegs {
        return @ptrCast(self);
    }
};

pub const PerfEvent = bpf_perf_event_data;
