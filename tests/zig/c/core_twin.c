// The requests of core_twin.zig in C: clang's records are the measure.
#include "core.h"

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
} CORE;
struct task_struct___old { long state; } CORE;
enum bpf_map_type { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_RINGBUF = 27 };

u64 out[16] SEC(".bss.out");

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
	return 0;
}
