#include "common.h"

struct {
	NUMBER(type, HASH);
	TYPE(key, u32);
	TYPE(value, u64);
	NUMBER(max_entries, 1024);
} calls SEC(".maps");

SEC("raw_tp/sys_enter")
int prog(void *ctx)
{
	u32 pid = bpf_get_current_pid_tgid() >> 32;
	u64 first = 1, *found = bpf_map_lookup_elem(&calls, &pid);

	if (found)
		*found += 1;
	else
		bpf_map_update_elem(&calls, &pid, &first, NOEXIST);
	return 0;
}
