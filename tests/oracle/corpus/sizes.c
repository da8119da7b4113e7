/* Sizes that the loader makes right, and names that are the same where the kernel cuts them. */
#include "bpf.h"

struct {
	__uint(type, RINGBUF);
	__uint(max_entries, 1000); /* no power of two, and less than a page */
} small SEC(".maps");

struct {
	__uint(type, RINGBUF);
	__uint(max_entries, 5 * 4096);
} odd SEC(".maps");

struct {
	__uint(type, USER_RINGBUF);
	__uint(max_entries, 1);
} least SEC(".maps");

struct {
	__uint(type, HASH_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, u32);
	__array(values, struct {
		__uint(type, RINGBUF);
		__uint(max_entries, 3000);
	});
} rings SEC(".maps");

struct {
	__uint(type, ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} a_long_name_of_first SEC(".maps");

struct {
	__uint(type, ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u32);
} a_long_name_of_second SEC(".maps");

SEC("tc") int sizes(struct __sk_buff *skb)
{
	u32 place = 0;
	u64 *first = map_lookup_elem(&a_long_name_of_first, &place);
	u32 *second = map_lookup_elem(&a_long_name_of_second, &place);
	void *record = ringbuf_reserve(&small, 8, 0), *other = ringbuf_reserve(&odd, 8, 0);

	if (record)
		ringbuf_submit(record, 0);
	if (other)
		ringbuf_submit(other, 0);
	return first && second ? *first + *second : 0;
}
LICENSE("GPL");
