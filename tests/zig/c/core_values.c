/* All kinds of CO-RE relocations on one kernel: the numbers end up in variables. */
#include "core.h"

struct list_head { struct list_head *next; } CORE;
struct sched_entity { u64 sum_exec_runtime; } CORE;
struct sigset { unsigned long sig[1]; } CORE;
typedef struct { unsigned long sig[1]; } CORE sigset_t;
struct sigpending { sigset_t signal; } CORE;
struct callback_head { struct callback_head *next; } CORE;

/* Members in another order than the kernel's, and one it has not. */
struct task_struct {
	char comm[16];
	struct task_struct *real_parent;
	pid_t tgid;
	pid_t pid;
	struct sched_entity se;
	struct sigpending pending;
	struct callback_head rcu;
	unsigned sched_reset_on_fork : 1;
	unsigned sched_migrated : 1;
	int exit_state;
	int never_was;
} CORE;

struct task_struct___as_it_was { long state; } CORE;
struct task_struct___as_it_is { u32 __state; } CORE;
struct task_struct___wrong { u64 pid; void *tgid; } CORE;

struct in6_addr { u8 bytes[16]; } CORE;
struct sock_common { u32 skc_daddr; u16 skc_dport; u16 skc_family; } CORE;
struct sock { struct sock_common __sk_common; } CORE;
struct page { struct list_head lru; unsigned long private; } CORE;
struct not_in_any_kernel { int member; } CORE;

enum pid_type { PIDTYPE_TGID = 77, PIDTYPE_SID = 78 };
enum pid_type___later { PIDTYPE_NEVER = 5 };
enum bpf_map_type { BPF_MAP_TYPE_RINGBUF = 1 };
union bpf_attr { u32 map_type; } CORE;
typedef u32 gfp_t;
typedef u64 not_in_any_kernel_t;
struct rcu_head___x { int a; };

/* Type matching compares whole types by name: one that is the kernel's, one that is not. */
struct hlist_node;
struct hlist_head { struct hlist_node *first; };
struct hlist_head___more { struct hlist_node *first; struct hlist_node *last; };

pid_t pid, tgid, parent;
s32 never;
long state;
u64 runtime, reset, migrated;
char comm[16], letter;
u64 offset_sig, offset_rcu, offset_family, offset_daddr, offset_lru, offset_state, offset_comm5;
u64 size_comm, size_pid, size_runtime, signed_pid, signed_runtime, right_pid, left_pid;
u64 exists_pid, exists_never, exists_old, exists_new, exists_pid_of_other_size, exists_tgid_as_pointer;
u64 type_task, type_none, type_attr, type_gfp, type_none_t, size_task, size_none, size_attr, size_gfp;
u64 matches_head, matches_more, matches_none, local_task, target_task, target_none;
u64 value_tgid, value_ringbuf, value_exists, value_never_exists, value_of_never = 99;

/* Not inlined: its records are those of `.text`. */
static NOINLINE void sizes(void)
{
	struct task_struct *t = 0;
	size_comm = SIZE(t->comm);
	size_pid = SIZE(t->pid);
	size_runtime = SIZE(t->se.sum_exec_runtime);
	signed_pid = SIGNED(t->pid);
	signed_runtime = SIGNED(t->se.sum_exec_runtime);
	left_pid = LEFT(t->pid);
	right_pid = RIGHT(t->pid);
}

SEC("raw_tp/sys_enter")
int fields(void *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task(), *p = 0;
	struct sock *s = 0;
	struct page *g = 0;

	READ(pid, t->pid);
	READ(tgid, t->tgid);
	READ(p, t->real_parent);
	READ(parent, p->tgid);
	READ(runtime, t->se.sum_exec_runtime);
	READ(comm, t->comm);
	READ(letter, t->comm[5]);
	READ_BITS(reset, t, sched_reset_on_fork);
	READ_BITS(migrated, t, sched_migrated);
	offset_sig = OFFSET(t->pending.signal.sig[0]);
	offset_rcu = OFFSET(t->rcu.next);
	offset_comm5 = OFFSET(t->comm[5]);
	offset_family = OFFSET(s->__sk_common.skc_family);
	offset_daddr = OFFSET(s->__sk_common.skc_daddr);
	offset_lru = OFFSET(g->lru.next);
	sizes();
	return 0;
}

SEC("raw_tp/sys_enter")
int existence(void *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	struct task_struct___as_it_was *was = (void *)t;
	struct task_struct___as_it_is *is = (void *)t;
	struct task_struct___wrong *wrong = (void *)t;

	exists_pid = EXISTS(t->pid);
	exists_never = EXISTS(t->never_was);
	exists_old = EXISTS(was->state);
	exists_new = EXISTS(is->__state);
	exists_pid_of_other_size = EXISTS(wrong->pid);
	exists_tgid_as_pointer = EXISTS(wrong->tgid);
	if (EXISTS(t->never_was))
		READ(never, t->never_was);
	if (EXISTS(is->__state)) {
		u32 now = 0;
		READ(now, is->__state);
		state = now;
		offset_state = OFFSET(is->__state);
	} else if (EXISTS(was->state)) {
		READ(state, was->state);
		offset_state = OFFSET(was->state);
	}
	return 0;
}

SEC("raw_tp/sys_enter")
int types(void *ctx)
{
	type_task = TYPE_EXISTS(struct task_struct);
	type_none = TYPE_EXISTS(struct not_in_any_kernel);
	type_attr = TYPE_EXISTS(union bpf_attr);
	type_gfp = TYPE_EXISTS(gfp_t);
	type_none_t = TYPE_EXISTS(not_in_any_kernel_t);
	size_task = TYPE_SIZE(struct task_struct);
	size_none = TYPE_SIZE(struct not_in_any_kernel);
	size_attr = TYPE_SIZE(union bpf_attr);
	size_gfp = TYPE_SIZE(gfp_t);
	matches_head = TYPE_MATCHES(struct hlist_head);
	matches_more = TYPE_MATCHES(struct hlist_head___more);
	matches_none = TYPE_MATCHES(struct not_in_any_kernel);
	local_task = LOCAL_ID(struct task_struct);
	target_task = TARGET_ID(struct task_struct);
	target_none = TARGET_ID(struct not_in_any_kernel);
	return 0;
}

SEC("raw_tp/sys_enter")
int enumerations(void *ctx)
{
	value_tgid = VALUE(enum pid_type, PIDTYPE_TGID);
	value_ringbuf = VALUE(enum bpf_map_type, BPF_MAP_TYPE_RINGBUF);
	value_exists = VALUE_EXISTS(enum pid_type, PIDTYPE_SID);
	value_never_exists = VALUE_EXISTS(enum pid_type___later, PIDTYPE_NEVER);
	if (VALUE_EXISTS(enum pid_type___later, PIDTYPE_NEVER))
		value_of_never = VALUE(enum pid_type___later, PIDTYPE_NEVER);
	return 0;
}
