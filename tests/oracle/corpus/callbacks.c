/* Functions whose address is taken: for loops, for maps, for timers. */
#include "bpf.h"

struct bpf_timer {
	u64 inside[2];
} __attribute__((aligned(8)));

struct element {
	struct bpf_timer timer;
	u64 count;
};

struct {
	__uint(type, ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct element);
} elements SEC(".maps");

u64 sum;

static int each_number(u32 index, void *context)
{
	sum += index;
	return 0;
}
static int each_element(void *map, u32 *key, struct element *value, void *context)
{
	sum += *key;
	return 0;
}
static int on_timer(void *map, u32 *key, struct element *value)
{
	value->count++;
	return 0;
}
noinline int shown_callback(u32 index, u64 *context)
{
	return index > 3;
}

SEC("tc") int program(struct __sk_buff *skb)
{
	u32 key = 1;
	struct element *found = map_lookup_elem(&elements, &key);

	loop(4, each_number, 0, 0);
	for_each_map_elem(&elements, each_element, 0, 0);
	if (found) {
		timer_init(&found->timer, &elements, 1);
		timer_set_callback(&found->timer, on_timer);
	}
	return 0;
}
LICENSE("GPL");
