#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 10240);
    __type(key, __u32);
    __type(value, __u64);
} starts SEC(".maps");

__u64 slots[64];

static void record(__u64 value)
{
    __u32 slot = 0;

    for (; value > 1 && slot < 63; slot++)
        value >>= 1;
    __sync_fetch_and_add(&slots[slot & 63], 1);
}

SEC("kprobe/vfs_read")
int enter(void *ctx)
{
    __u32 thread = bpf_get_current_pid_tgid();
    __u64 now = bpf_ktime_get_ns();

    bpf_map_update_elem(&starts, &thread, &now, BPF_ANY);
    return 0;
}

SEC("kretprobe/vfs_read")
int leave(void *ctx)
{
    __u32 thread = bpf_get_current_pid_tgid();
    __u64 *start = bpf_map_lookup_elem(&starts, &thread);

    if (!start)
        return 0;
    record(bpf_ktime_get_ns() - *start);
    bpf_map_delete_elem(&starts, &thread);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
