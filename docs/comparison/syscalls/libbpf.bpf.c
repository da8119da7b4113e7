#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 10240);
    __type(key, __u32);
    __type(value, __u64);
} counts SEC(".maps");

static void add(__u32 key, __u64 amount)
{
    __u64 zero = 0, *count;

    bpf_map_update_elem(&counts, &key, &zero, BPF_NOEXIST);
    count = bpf_map_lookup_elem(&counts, &key);
    if (count)
        __sync_fetch_and_add(count, amount);
}

SEC("raw_tp/sys_enter")
int enter(void *ctx)
{
    add(bpf_get_current_pid_tgid() >> 32, 1);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
