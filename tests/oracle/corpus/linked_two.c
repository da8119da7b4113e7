/* The other half of a linked object. */
#include "bpf.h"

struct shared {
	int a, b;
};

extern struct {
	__uint(type, ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct shared);
} shared SEC(".maps");

extern int of_this_one;
extern int this_function(int number);

int of_the_other = 5;
static int counter = 100;

static noinline int helper(int number)
{
	counter += 2;
	return number * 3;
}
noinline int other_function(int number)
{
	return helper(number) + of_this_one;
}

SEC("tc") int second(struct __sk_buff *skb)
{
	u32 key = 0;

	map_lookup_elem(&shared, &key);
	return other_function(4) + this_function(6) + helper(1);
}
LICENSE("GPL");
