/* What the programs of this folder share, so that any clang compiles them without a header of the system. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int s32;
typedef signed long long s64;

#define SEC(name) __attribute__((section(name), used))
#define LICENSE(text) char _license[] SEC("license") = text
#define noinline __attribute__((noinline))
#define always_inline inline __attribute__((always_inline))
#define weak __attribute__((weak))
#define hidden __attribute__((visibility("hidden")))
#define KCONFIG __attribute__((section(".kconfig")))
#define KSYMS __attribute__((section(".ksyms")))
#define CORE __attribute__((preserve_access_index))
#define tag(text) __attribute__((btf_decl_tag(text)))

/* Members of a map's definition: a number is the length of an array. */
#define __uint(name, number) int (*name)[number]
#define __type(name, of) typeof(of) *name
#define __array(name, of) typeof(of) *name[]
#define __ulong(name, number) enum { _##name##_of_one_map = number } name

#define PIN_BY_NAME 1
#define F_NO_PREALLOC 1u
#define F_NUMA_NODE 4u
#define F_RDONLY_PROG (1u << 7)
#define F_WRONLY_PROG (1u << 8)
#define F_MMAPABLE (1u << 10)

enum {
	HASH = 1, ARRAY, PROG_ARRAY, PERF_EVENT_ARRAY, PERCPU_HASH, PERCPU_ARRAY, STACK_TRACE, CGROUP_ARRAY,
	LRU_HASH, LRU_PERCPU_HASH, LPM_TRIE, ARRAY_OF_MAPS, HASH_OF_MAPS, DEVMAP, SOCKMAP, CPUMAP, XSKMAP,
	SOCKHASH, CGROUP_STORAGE, REUSEPORT_SOCKARRAY, PERCPU_CGROUP_STORAGE, QUEUE, STACK, SK_STORAGE,
	DEVMAP_HASH, STRUCT_OPS, RINGBUF, INODE_STORAGE, TASK_STORAGE, BLOOM_FILTER, USER_RINGBUF,
	CGRP_STORAGE, ARENA,
};

/* Helpers by their numbers in linux/bpf.h. */
static void *(*const map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const map_delete_elem)(void *map, const void *key) = (void *)3;
static long (*const probe_read)(void *to, u32 size, const void *from) = (void *)4;
static u64 (*const ktime_get_ns)(void) = (void *)5;
static long (*const trace_printk)(const char *format, u32 size, ...) = (void *)6;
static u32 (*const get_smp_processor_id)(void) = (void *)8;
static long (*const tail_call)(void *context, void *map, u32 index) = (void *)12;
static u64 (*const get_current_pid_tgid)(void) = (void *)14;
static long (*const get_current_comm)(void *to, u32 size) = (void *)16;
static long (*const perf_event_output)(void *context, void *map, u64 flags, void *data, u64 size) = (void *)25;
static long (*const get_stackid)(void *context, void *map, u64 flags) = (void *)27;
static struct task_struct *(*const get_current_task_btf)(void) = (void *)158;
static long (*const probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static void *(*const ringbuf_reserve)(void *map, u64 size, u64 flags) = (void *)131;
static void (*const ringbuf_submit)(void *data, u64 flags) = (void *)132;
static void *(*const per_cpu_ptr)(const void *variable, u32 cpu) = (void *)153;
static void *(*const this_cpu_ptr)(const void *variable) = (void *)154;
static long (*const for_each_map_elem)(void *map, void *callback, void *context, u64 flags) = (void *)164;
static long (*const timer_init)(void *timer, void *map, u64 flags) = (void *)169;
static long (*const timer_set_callback)(void *timer, void *callback) = (void *)170;
static long (*const timer_start)(void *timer, u64 nsecs, u64 flags) = (void *)171;
static long (*const loop)(u32 count, void *callback, void *context, u64 flags) = (void *)181;
static long (*const snprintf)(char *to, u32 size, const char *format, u64 *data, u32 length) = (void *)165;

struct __sk_buff {
	u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority;
	u32 ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, data, data_end;
};
struct xdp_md {
	u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};
