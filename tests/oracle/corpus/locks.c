/* Values with locks and pointers of the kernel, lists, and a variable in a section for private memory. */
#include "bpf.h"

#define type_tag(text) __attribute__((btf_type_tag(text)))
#define private(name) SEC(".bss." #name) hidden __attribute__((aligned(8)))

struct bpf_spin_lock {
	u32 number;
};
struct bpf_list_head {
	u64 inside[2];
} __attribute__((aligned(8)));
struct bpf_list_node {
	u64 inside[3];
} __attribute__((aligned(8)));
struct task_struct;

struct locked {
	struct bpf_spin_lock lock;
	u32 count;
	struct task_struct type_tag("kptr") *task;
};
struct node {
	u64 data;
	struct bpf_list_node node;
};

struct {
	__uint(type, HASH);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct locked);
} values SEC(".maps");

private(A) struct bpf_spin_lock lock;
private(A) struct bpf_list_head head tag("contains:node:node");
struct node *keep_type;

static void (*const spin_lock)(struct bpf_spin_lock *) = (void *)93;
static void (*const spin_unlock)(struct bpf_spin_lock *) = (void *)94;

SEC("tc") int program(struct __sk_buff *skb)
{
	u32 key = 1;
	struct locked *found = map_lookup_elem(&values, &key);

	if (found) {
		spin_lock(&found->lock);
		found->count++;
		spin_unlock(&found->lock);
	}
	return 0;
}
LICENSE("GPL");
