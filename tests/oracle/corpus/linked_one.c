/* One half of a linked object; the other is linked_two.c. Both have functions and variables of the same name. */
#include "bpf.h"

struct shared {
	int a, b;
};

struct {
	__uint(type, ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct shared);
} shared SEC(".maps");

extern int of_the_other;
extern int other_function(int number);

int of_this_one = 3;
static int counter;

static noinline int helper(int number)
{
	counter++;
	return number + 1;
}
hidden noinline int this_function(int number)
{
	return helper(number) + of_the_other;
}

SEC("tc") int first(struct __sk_buff *skb)
{
	u32 key = 0;

	map_lookup_elem(&shared, &key);
	return this_function(1) + other_function(2);
}
LICENSE("GPL");
