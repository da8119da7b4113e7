/* A probe as C authors write it everywhere: nothing here says that pyzbpf compiles it. */
#include <linux/bpf.h>
#include <linux/ip.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include "event.h"

struct task_struct {
	int tgid;
	struct task_struct *real_parent;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
	__event(struct event);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

const volatile __u32 wanted = 0;

SEC("tp_btf/sched_process_exec")
int BPF_PROG(started, struct task_struct *task, int old_pid)
{
	struct iphdr header = { .version = 4, .ihl = 5 };
	struct event *event;
	__u64 *count, one = 1;
	__u32 pid = bpf_get_current_pid_tgid() >> 32;

	if (wanted && wanted != pid)
		return 0;
	count = bpf_map_lookup_elem(&counts, &pid);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&counts, &pid, &one, BPF_ANY);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = BPF_CORE_READ(task, tgid);
	event->parent = BPF_CORE_READ(task, real_parent, tgid);
	event->grandparent = BPF_CORE_READ(task, real_parent, real_parent, tgid);
	event->port = bpf_htons(0x1234);
	event->first_byte = *(__u8 *)&header;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_printk("exec %d", pid);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
