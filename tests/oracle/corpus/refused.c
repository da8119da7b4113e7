/* Programs that the verifier refuses, beside one that it takes. */
#include "bpf.h"

struct {
	__uint(type, HASH);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} values SEC(".maps");

SEC("tc") int good(struct __sk_buff *skb)
{
	return 0;
}
SEC("tc") int unchecked(struct __sk_buff *skb)
{
	u32 key = 1;
	u64 *found = map_lookup_elem(&values, &key);

	return *found;
}
SEC("tc") int endless(struct __sk_buff *skb)
{
	while (skb->len)
		asm volatile("");
	return 0;
}
SEC("tc") int outside(struct __sk_buff *skb)
{
	return *(u8 *)(u64)skb->data;
}
LICENSE("Proprietary");
