#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

__u64 slots[64];

static void record(__u64 value)
{
    __u32 slot = 0;

    for (; value > 1 && slot < 63; slot++)
        value >>= 1;
    __sync_fetch_and_add(&slots[slot & 63], 1);
}

SEC("tracepoint/block/block_rq_issue")
int issued(struct trace_event_raw_block_rq *ctx)
{
    record(ctx->bytes);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
