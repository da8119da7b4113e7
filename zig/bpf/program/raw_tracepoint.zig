//! Raw tracepoints: sections "raw_tp/<name>" (Linux 4.17).

/// The context: the arguments of the tracepoint as the kernel passes them.
const bpf_raw_tracepoint_args = extern struct {
    args: [12]u64,
};

pub const RawTracepoint = bpf_raw_tracepoint_args;
