/* Functions and variables of the kernel, some of which it does not have, some under a flavour. */
#include "bpf.h"

struct cgroup;
struct task_struct {
	int pid;
} CORE;

extern struct task_struct *bpf_task_acquire(struct task_struct *task) KSYMS;
extern void bpf_task_release(struct task_struct *task) KSYMS;
extern struct task_struct *bpf_task_from_pid___flavoured(int pid) KSYMS weak;
extern void bpf_rcu_read_lock(void) KSYMS;
extern void bpf_rcu_read_unlock(void) KSYMS;
extern int bpf_of_another_kernel(int number) KSYMS weak;
extern const void bpf_prog_put KSYMS;
extern const void no_address_of_that_name KSYMS weak;
extern const int bpf_prog_active KSYMS weak;
extern const u32 LINUX_KERNEL_VERSION KCONFIG;
extern const _Bool LINUX_HAS_SYSCALL_WRAPPER KCONFIG weak;
extern const u64 LINUX_UNKNOWN_TO_ALL KCONFIG weak;
extern const char CONFIG_BPF_SYSCALL KCONFIG weak;
extern const u32 CONFIG_HZ KCONFIG;
extern const char CONFIG_DEFAULT_HOSTNAME[8] KCONFIG weak;

u64 address, seen;

static noinline void remember(u64 value)
{
	seen += value;
}

SEC("syscall") int program(void *context)
{
	struct task_struct *task;

	if (LINUX_KERNEL_VERSION < 0x40000)
		return 1;
	address = (u64)&bpf_prog_put + (u64)&no_address_of_that_name;
	remember(CONFIG_HZ + CONFIG_BPF_SYSCALL + LINUX_UNKNOWN_TO_ALL + CONFIG_DEFAULT_HOSTNAME[1]);
	if (bpf_of_another_kernel)
		return bpf_of_another_kernel(3);
	bpf_rcu_read_lock();
	bpf_rcu_read_unlock();
	if (!bpf_task_from_pid___flavoured)
		return 2;
	task = bpf_task_from_pid___flavoured(1);
	if (!task)
		return 3;
	remember(task->pid + LINUX_HAS_SYSCALL_WRAPPER);
	bpf_task_release(task);
	return 0;
}
LICENSE("GPL");
