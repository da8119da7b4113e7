/* A map of every type that can be made without a device, with its attributes. */
#include "bpf.h"

struct lpm_key {
	u32 length;
	u8 address[4];
};
struct storage_key {
	u64 cgroup;
	u32 type;
};

#define MAP(name, kind, entries, k, v)                                                                     \
	struct {                                                                                           \
		__uint(type, kind);                                                                        \
		__uint(max_entries, entries);                                                              \
		__type(key, k);                                                                            \
		__type(value, v);                                                                          \
	} name SEC(".maps")
#define FLAGGED(name, kind, entries, k, v, flags)                                                          \
	struct {                                                                                           \
		__uint(type, kind);                                                                        \
		__uint(max_entries, entries);                                                              \
		__uint(map_flags, flags);                                                                  \
		__type(key, k);                                                                            \
		__type(value, v);                                                                          \
	} name SEC(".maps")
#define SIZED(name, kind, entries, k, v)                                                                   \
	struct {                                                                                           \
		__uint(type, kind);                                                                        \
		__uint(max_entries, entries);                                                              \
		__uint(key_size, k);                                                                       \
		__uint(value_size, v);                                                                     \
	} name SEC(".maps")

MAP(hash, HASH, 8, u64, u32);
FLAGGED(hash_lazy, HASH, 8, u64, u32, F_NO_PREALLOC);
MAP(array, ARRAY, 8, u32, u64);
FLAGGED(array_shared, ARRAY, 8, u32, u64, F_MMAPABLE);
FLAGGED(array_read, ARRAY, 8, u32, u64, F_RDONLY_PROG);
MAP(percpu_hash, PERCPU_HASH, 8, u32, u64);
MAP(percpu_array, PERCPU_ARRAY, 8, u32, u64);
MAP(lru_hash, LRU_HASH, 8, u32, u64);
MAP(lru_percpu_hash, LRU_PERCPU_HASH, 8, u32, u64);
FLAGGED(lpm_trie, LPM_TRIE, 8, struct lpm_key, u32, F_NO_PREALLOC);
SIZED(perf_events, PERF_EVENT_ARRAY, 0, 4, 4);
SIZED(programs, PROG_ARRAY, 4, 4, 4);
SIZED(cgroups, CGROUP_ARRAY, 4, 4, 4);
SIZED(stacks, STACK_TRACE, 16, 4, 127 * 8);
SIZED(devices, DEVMAP, 4, 4, 4);
SIZED(devices_by_key, DEVMAP_HASH, 4, 4, 8);
SIZED(cpus, CPUMAP, 2, 4, 4);
SIZED(sockets, SOCKMAP, 4, 4, 4);
MAP(sockets_by_key, SOCKHASH, 4, u32, u64);
SIZED(sockets_of_a_port, REUSEPORT_SOCKARRAY, 4, 4, 8);
SIZED(xdp_sockets, XSKMAP, 4, 4, 4);
struct {
	__uint(type, CGROUP_STORAGE);
	__type(key, struct storage_key);
	__type(value, u64);
} per_cgroup SEC(".maps");
SIZED(queue, QUEUE, 4, 0, 8);
SIZED(stack, STACK, 4, 0, 8);
struct {
	__uint(type, BLOOM_FILTER);
	__uint(max_entries, 16);
	__uint(map_extra, 3);
	__type(value, u32);
} bloom SEC(".maps");
struct {
	__uint(type, RINGBUF);
	__uint(max_entries, 4096 * 4);
} ring SEC(".maps");
struct {
	__uint(type, USER_RINGBUF);
	__uint(max_entries, 4096);
} user_ring SEC(".maps");
struct {
	__uint(type, SK_STORAGE);
	__uint(map_flags, F_NO_PREALLOC);
	__type(key, int);
	__type(value, u64);
} of_sockets SEC(".maps");
struct {
	__uint(type, TASK_STORAGE);
	__uint(map_flags, F_NO_PREALLOC);
	__type(key, int);
	__type(value, u64);
} of_tasks SEC(".maps");
struct {
	__uint(type, CGRP_STORAGE);
	__uint(map_flags, F_NO_PREALLOC);
	__type(key, int);
	__type(value, u64);
} of_cgroups SEC(".maps");
struct {
	__uint(type, INODE_STORAGE);
	__uint(map_flags, F_NO_PREALLOC);
	__type(key, int);
	__type(value, u64);
} of_inodes SEC(".maps");

SEC("tc") int program(struct __sk_buff *skb)
{
	u32 key = 1;

	map_lookup_elem(&array, &key);
	map_lookup_elem(&percpu_hash, &key);
	map_lookup_elem(&array_read, &key);
	tail_call(skb, &programs, 2);
	return 0;
}
LICENSE("GPL");
