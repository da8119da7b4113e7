/* As tools are written: events by ring buffer and perf buffer, a filter in .rodata, stacks, tracing points. */
#include "bpf.h"

struct trace_event_raw_sched_process_exec {
	u64 unused;
	int place, pid, old_pid;
};
struct event {
	u32 pid, old;
	char comm[16];
};

const volatile u32 only = 0;
const volatile _Bool verbose = 0;

struct {
	__uint(type, RINGBUF);
	__uint(max_entries, 1 << 16);
} ring SEC(".maps");
struct {
	__uint(type, PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} perf SEC(".maps");
struct {
	__uint(type, STACK_TRACE);
	__uint(max_entries, 128);
	__uint(key_size, 4);
	__uint(value_size, 127 * 8);
} stacks SEC(".maps");
struct {
	__uint(type, HASH);
	__uint(max_entries, 10240);
	__type(key, u32);
	__type(value, u64);
} started SEC(".maps");

SEC("tp/sched/sched_process_exec") int on_exec(struct trace_event_raw_sched_process_exec *context)
{
	u32 pid = get_current_pid_tgid() >> 32;
	u64 now = ktime_get_ns();
	struct event *event;

	if (only && only != pid)
		return 0;
	map_update_elem(&started, &pid, &now, 0);
	event = ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = pid;
	event->old = context->old_pid;
	get_current_comm(event->comm, sizeof(event->comm));
	ringbuf_submit(event, 0);
	return 0;
}
SEC("raw_tp/sched_process_exit") int on_exit(u64 *context)
{
	struct event event = {};

	event.pid = get_current_pid_tgid() >> 32;
	if (verbose)
		get_stackid(context, &stacks, 0);
	perf_event_output(context, &perf, 0xffffffffull, &event, sizeof(event));
	map_delete_elem(&started, &event.pid);
	return 0;
}
LICENSE("Dual BSD/GPL");
