/* CO-RE in programs, subprograms and callbacks; members that differ, lack, are bits, lie in arrays; enums and types. */
#include "bpf.h"

#define EXISTS(field) __builtin_preserve_field_info(field, 2)
#define SIZE(field) __builtin_preserve_field_info(field, 1)
#define TYPE_EXISTS(type) __builtin_preserve_type_info(*(type *)0, 0)
#define TYPE_SIZE(type) __builtin_preserve_type_info(*(type *)0, 1)
#define TYPE_ID(type) __builtin_btf_type_id(*(type *)0, 1)
#define LOCAL_ID(type) __builtin_btf_type_id(*(type *)0, 0)
#define VALUE(type, value) __builtin_preserve_enum_value(*(type *)value, 1)
#define VALUE_EXISTS(type, value) __builtin_preserve_enum_value(*(type *)value, 0)

struct list_head {
	struct list_head *next, *prev;
} CORE;
struct nsproxy {
	void *uts_ns;
} CORE;
struct task_struct {
	int pid, tgid;
	char comm[16];
	struct nsproxy *nsproxy;
	struct task_struct *real_parent;
	struct list_head tasks;
	unsigned in_execve : 1;
	long of_no_kernel;
} CORE;
struct task_struct___old {
	long state;
} CORE;
struct no_such_struct {
	int member;
} CORE;
enum bpf_map_type { BPF_MAP_TYPE_RINGBUF = 1, BPF_MAP_TYPE_OF_NOBODY = 2 };
typedef struct task_struct task_alias;

u64 results[16];

static noinline int in_a_subprogram(struct task_struct *task)
{
	int pid = 0;

	probe_read_kernel(&pid, sizeof(pid), &task->tgid);
	return pid;
}
static int in_a_callback(u32 index, void *context)
{
	results[index & 15] = SIZE(((struct task_struct *)0)->comm);
	return 0;
}

SEC("raw_tp/sched_switch") int program(u64 *context)
{
	struct task_struct *task = (void *)get_current_task_btf();
	struct nsproxy *proxy = 0;

	results[0] = in_a_subprogram(task);
	results[1] = EXISTS(task->of_no_kernel);
	results[2] = EXISTS(((struct task_struct___old *)0)->state);
	results[3] = TYPE_EXISTS(struct no_such_struct) + TYPE_SIZE(struct task_struct);
	results[4] = TYPE_ID(struct task_struct) + LOCAL_ID(struct list_head);
	results[5] = VALUE(enum bpf_map_type, BPF_MAP_TYPE_RINGBUF);
	results[6] = VALUE_EXISTS(enum bpf_map_type, BPF_MAP_TYPE_OF_NOBODY);
	results[7] = TYPE_EXISTS(task_alias);
	probe_read_kernel(&proxy, sizeof(proxy), &task->nsproxy);
	if (proxy)
		probe_read_kernel(&results[8], 8, &proxy->uts_ns);
	if (EXISTS(task->of_no_kernel))
		probe_read_kernel(&results[9], 8, &task->of_no_kernel);
	probe_read_kernel(&results[10], 1, &task->comm[3]);
	probe_read_kernel(&results[11], 8, &task->tasks.next);
	loop(4, in_a_callback, 0, 0);
	return task->pid & 1;
}
SEC("?raw_tp/sched_switch") int reaches_what_is_not_there(u64 *context)
{
	struct task_struct *task = (void *)get_current_task_btf();

	probe_read_kernel(&results[9], 8, &task->of_no_kernel);
	return 0;
}
LICENSE("GPL");
