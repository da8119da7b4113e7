/* Seven nested paths in six structs of the kernel: typedefs, unnamed unions and pointers on the way. */
typedef unsigned int u32;
typedef unsigned long long u64;
#define CORE __attribute__((preserve_access_index))
#define SEC(name) __attribute__((section(name), used))

struct sched_entity { u64 sum_exec_runtime; } CORE;
struct mm_struct;
struct task_struct { struct task_struct *real_parent; int tgid; struct sched_entity se; struct mm_struct *mm; } CORE;
struct mm_struct { unsigned long total_vm; } CORE;
struct inode { unsigned long i_ino; } CORE;
struct file { struct inode *f_inode; } CORE;
struct sock_common { unsigned short skc_dport; } CORE;
struct sock { struct sock_common __sk_common; } CORE;
struct net_device { int ifindex; } CORE;
struct sk_buff { struct net_device *dev; } CORE;

static u64 (*bpf_get_current_task)(void) = (void *)35;
static long (*bpf_probe_read_kernel)(void *, u32, const void *) = (void *)113;
#define READ(to, field) bpf_probe_read_kernel(&(to), sizeof(to), &(field))

SEC("raw_tp/sys_enter")
int paths(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task(), *parent = 0;
	struct file *file = ctx;
	struct inode *inode = 0;
	struct sk_buff *skb = ctx;
	struct net_device *dev = 0;
	struct sock *sk = ctx;
	struct mm_struct *mm = 0;
	u64 sum = 0, number = 0;
	unsigned short port = 0;
	int small = 0;

	READ(parent, task->real_parent);
	READ(small, parent->tgid);
	READ(number, task->se.sum_exec_runtime);
	sum += small + number;
	READ(mm, task->mm);
	READ(number, mm->total_vm);
	sum += number;
	READ(inode, file->f_inode);
	READ(number, inode->i_ino);
	sum += number;
	READ(dev, skb->dev);
	READ(small, dev->ifindex);
	READ(port, sk->__sk_common.skc_dport);
	return sum + small + port;
}

char _license[] SEC("license") = "GPL";
