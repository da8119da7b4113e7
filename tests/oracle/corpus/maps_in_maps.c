/* Maps in maps with values from the start, a program array that calls, and a map with a name of its own. */
#include "bpf.h"

struct inside {
	__uint(type, ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u32);
} first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__array(values, struct inside);
} outer SEC(".maps") = { .values = { &first, 0, &second } };

struct {
	__uint(type, HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, u32);
	__array(values, struct inside);
} by_key SEC(".maps") = { .values = { [3] = &second } };

struct {
	__uint(type, ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, u32);
	__array(values, struct {
		__uint(type, HASH);
		__uint(max_entries, 16);
		__type(key, u64);
		__type(value, u64);
	});
} empty SEC(".maps");

int called(struct __sk_buff *skb);

struct {
	__uint(type, PROG_ARRAY);
	__uint(max_entries, 3);
	__uint(key_size, 4);
	__array(values, int(void *));
} jumps SEC(".maps") = { .values = { [1] = (void *)&called } };

SEC("tc") int called(struct __sk_buff *skb)
{
	return 77;
}

SEC("tc") int entry(struct __sk_buff *skb)
{
	u32 place = 2, one = 1, five = 5, three = 3;
	void *found = map_lookup_elem(&outer, &place);

	if (!found)
		return 1;
	map_update_elem(found, &one, &five, 0);
	if (!map_lookup_elem(&by_key, &three) || map_lookup_elem(&outer, &one))
		return 2;
	if (map_lookup_elem(&empty, &one))
		return 3;
	tail_call(skb, &jumps, 1);
	return 4;
}
LICENSE("GPL");
