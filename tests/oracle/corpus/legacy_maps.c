/* Maps as libbpf before 1.0 and iproute2 defined them; libbpf does not take them any more. */
#include "bpf.h"

struct definition {
	u32 type, key_size, value_size, max_entries, map_flags;
};

struct definition hash SEC("maps") = { HASH, 4, 8, 16, F_NO_PREALLOC };
struct definition array SEC("maps") = { ARRAY, 4, 4, 2 };

SEC("tc") int program(struct __sk_buff *skb)
{
	u32 key = 1;
	u32 *found = map_lookup_elem(&array, &key);

	map_lookup_elem(&hash, &key);
	return found ? *found : 7;
}
LICENSE("GPL");
