// The requests of core_twin.zig in C: clang's records are the measure.
#include "core.h"

struct list_head { struct list_head *next, *prev; } CORE;
struct hlist_node { struct hlist_node *next; } CORE;
struct hlist_head { struct hlist_node *first; } CORE;
struct hlist_head___other { struct list_head *first; } CORE;
struct cpumask { unsigned long bits[1]; } CORE;
struct mm_struct { u64 start_code; } CORE;
struct sched_entity { u64 sum_exec_runtime; } CORE;
struct task_struct {
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	char comm[16];
	struct sched_entity se;
	u32 sched_reset_on_fork : 1;
	u32 in_execve : 1;
	struct hlist_node pid_links[4];
	u64 flags; /* of 4 bytes in the kernel: the load is made narrower */
	struct cpumask cpus_mask;
	int never_was;
} CORE;
struct task_struct___old { long state; } CORE;
struct task_struct___new { u32 __state; } CORE;
struct sk_buff { u32 len; u8 pkt_type : 3; u8 ip_summed : 2; } CORE;
struct perf_event_attr { u64 precise_ip : 2; } CORE;
struct page { struct list_head lru; } CORE;
union bpf_attr { u32 map_type; u32 prog_type; u32 attach_type; } CORE;
struct pt_regs___amd64 { unsigned long di; } CORE;
struct pt_regs___arm64 { unsigned long regs[31]; } CORE;
struct pt_regs___s390x { unsigned long gprs[16]; } CORE;
struct no_such_type { int x; } CORE;
enum bpf_map_type { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_RINGBUF = 27 };

enum vm_event_item { PGFAULT = 3, NR_NEVER = 4 };
enum perf_callchain_context { PERF_CONTEXT_KERNEL = -128ULL, PERF_CONTEXT_NEVER = 1 };
enum pid_type { PIDTYPE_PID = 7, PIDTYPE_SID = 8 };

typedef u64 pid_t___wide;
typedef struct { int counter; } CORE atomic_t;
typedef struct { int *counter; } CORE atomic_t___other;
typedef struct list_head no_such_t;
struct refcount_struct { struct { int counter; } refs; } CORE;
typedef struct refcount_struct refcount_t;
typedef enum { NONE = 3 } zone_stat_t;

u64 out[80] SEC(".bss.out");

SEC("raw_tp/sys_enter") int ask(void *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	out[0] = OFFSET(t->pid);
	out[1] = OFFSET(t->se.sum_exec_runtime);
	out[2] = OFFSET(t->comm[3]);
	out[3] = SIZE(t->comm);
	out[4] = EXISTS(t->tgid);
	out[5] = EXISTS(((struct task_struct___old *)0)->state);
	out[6] = SIGNED(t->pid);
	out[7] = LEFT(t->sched_reset_on_fork);
	out[8] = RIGHT(t->sched_reset_on_fork);
	out[9] = TYPE_EXISTS(struct mm_struct);
	out[10] = TYPE_SIZE(struct task_struct);
	out[11] = TYPE_MATCHES(struct mm_struct);
	out[12] = TARGET_ID(struct mm_struct);
	out[13] = VALUE(enum bpf_map_type, BPF_MAP_TYPE_RINGBUF);
	out[14] = VALUE_EXISTS(enum bpf_map_type, BPF_MAP_TYPE_HASH);
	out[15] = OFFSET(t->real_parent);
	out[16] = OFFSET(t->pid_links[2].next);
	out[17] = SIZE(t->pid_links);
	out[18] = OFFSET(t->sched_reset_on_fork);
	out[19] = SIZE(t->in_execve);
	out[20] = LEFT(t->in_execve);
	out[21] = RIGHT(t->in_execve);
	out[61] = SIZE(t->cpus_mask);
	return 0;
}

SEC("raw_tp/sys_enter") int others(void *ctx)
{
	struct sk_buff *skb = ctx;
	struct perf_event_attr *event = ctx;
	union bpf_attr *attr = ctx;

	out[22] = EXISTS(((struct task_struct___new *)ctx)->__state);
	out[23] = OFFSET(skb->pkt_type);
	out[24] = SIZE(skb->pkt_type);
	out[25] = LEFT(skb->ip_summed);
	out[26] = RIGHT(skb->ip_summed);
	out[27] = SIGNED(skb->ip_summed);
	out[28] = OFFSET(event->precise_ip);
	out[29] = LEFT(event->precise_ip);
	out[30] = RIGHT(event->precise_ip);
	out[31] = OFFSET(((struct page *)ctx)->lru.prev);
	out[32] = OFFSET(attr->prog_type);
	out[33] = OFFSET(attr->attach_type);
	out[34] = TYPE_SIZE(union bpf_attr);
	out[35] = EXISTS(((struct pt_regs___amd64 *)ctx)->di);
	out[36] = EXISTS(((struct pt_regs___arm64 *)ctx)->regs);
	out[37] = EXISTS(((struct pt_regs___s390x *)ctx)->gprs);
	out[38] = VALUE(enum vm_event_item, PGFAULT);
	out[39] = VALUE(enum perf_callchain_context, PERF_CONTEXT_KERNEL);
	out[40] = VALUE_EXISTS(enum perf_callchain_context, PERF_CONTEXT_KERNEL);
	out[41] = TYPE_MATCHES(struct hlist_head);
	out[42] = TYPE_MATCHES(struct hlist_head___other);
	out[43] = TYPE_MATCHES(struct list_head);
	out[44] = TYPE_MATCHES(enum pid_type);
	out[45] = TYPE_EXISTS(union bpf_attr);
	out[46] = LOCAL_ID(struct task_struct);
	return 0;
}

/* What no kernel has: asked for behind the question whether it is there, and where 0 is the answer. */
SEC("raw_tp/sys_enter") int lacking(void *ctx)
{
	struct task_struct *t = ctx;

	out[47] = TYPE_EXISTS(struct no_such_type);
	out[48] = TYPE_SIZE(struct no_such_type);
	out[49] = TARGET_ID(struct no_such_type);
	out[50] = TYPE_MATCHES(struct no_such_type);
	if (EXISTS(t->never_was)) {
		out[51] = OFFSET(t->never_was);
		out[52] = SIZE(t->never_was);
		out[53] = SIGNED(t->never_was);
	}
	if (VALUE_EXISTS(enum vm_event_item, NR_NEVER))
		out[54] = VALUE(enum vm_event_item, NR_NEVER);
	if (VALUE_EXISTS(enum perf_callchain_context, PERF_CONTEXT_NEVER))
		out[55] = VALUE(enum perf_callchain_context, PERF_CONTEXT_NEVER);
	return 0;
}

/* Names that the kernel has as typedefs only. */
SEC("raw_tp/sys_enter") int typedefs(void *ctx)
{
	out[62] = TYPE_EXISTS(pid_t);
	out[63] = TYPE_SIZE(pid_t);
	out[64] = TYPE_MATCHES(pid_t);
	out[65] = TYPE_MATCHES(pid_t___wide);
	out[66] = TYPE_SIZE(u64);
	out[67] = TARGET_ID(atomic_t);
	out[68] = TYPE_SIZE(atomic_t);
	out[69] = TYPE_MATCHES(atomic_t);
	out[70] = TYPE_MATCHES(atomic_t___other);
	out[71] = OFFSET(((atomic_t *)ctx)->counter);
	out[72] = EXISTS(((atomic_t *)ctx)->counter);
	out[73] = TYPE_EXISTS(no_such_t);
	out[74] = TYPE_SIZE(refcount_t);
	out[75] = TYPE_MATCHES(refcount_t);
	out[76] = SIZE(((refcount_t *)ctx)->refs);
	out[77] = LOCAL_ID(atomic_t);
	out[78] = TYPE_MATCHES(zone_stat_t);
	return 0;
}

SEC("tp_btf/sched_switch") int loads(u64 *ctx)
{
	struct task_struct *t = (void *)ctx[1];

	out[56] = t->pid;
	out[57] = t->flags;
	out[58] = t->real_parent->tgid;
	out[59] = t->se.sum_exec_runtime;
	if (EXISTS(t->never_was))
		out[60] = t->never_was;
	return 0;
}
