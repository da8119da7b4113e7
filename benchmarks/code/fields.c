#include "common.h"

struct mm_struct {
	u64 start_code;
} CORE;

struct sched_entity {
	u64 sum_exec_runtime;
} CORE;

struct task_struct {
	int tgid;
	struct task_struct *real_parent;
	struct sched_entity se;
	struct mm_struct *mm;
	char comm[16];
} CORE;

int pid = 0, parent = 0;
u64 code = 0, runs = 0;
char command[16] = {};

#define READ(to, field) bpf_probe_read_kernel(&(to), sizeof(to), &(field))

SEC("raw_tp/sys_enter")
int prog(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task(), *real_parent;
	struct mm_struct *mm;
	u64 start, time;
	int tgid, above;

	/* Where memory cannot be read, the helper leaves zeros. */
	READ(tgid, task->tgid);
	pid = tgid;
	READ(real_parent, task->real_parent);
	READ(above, real_parent->tgid);
	parent = above;
	READ(mm, task->mm);
	READ(start, mm->start_code);
	code = start;
	READ(time, task->se.sum_exec_runtime);
	if (time)
		runs += 1;
	READ(command, task->comm);
	return 0;
}
