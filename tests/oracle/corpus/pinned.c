/* A map that is pinned by name, one with a memory node, one whose sizes are said twice. */
#include "bpf.h"

struct {
	__uint(type, HASH);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u32);
	__uint(pinning, PIN_BY_NAME);
} pyzbpf_pinned SEC(".maps");

struct {
	__uint(type, HASH);
	__uint(map_flags, F_NUMA_NODE);
	__uint(numa_node, 0);
	__uint(max_entries, 4);
	__uint(key_size, 8);
	__type(key, u64);
	__type(value, u64);
	__uint(value_size, 8);
} near SEC(".maps");

SEC("tc") int count(struct __sk_buff *skb)
{
	u32 key = 2;
	u64 place = 1;
	u32 *found = map_lookup_elem(&pyzbpf_pinned, &key);
	u32 next = found ? *found + 1 : 1;

	map_update_elem(&pyzbpf_pinned, &key, &next, 0);
	map_lookup_elem(&near, &place);
	return next;
}
LICENSE("GPL");
