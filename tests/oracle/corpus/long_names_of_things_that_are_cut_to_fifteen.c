/* Names that are longer than the kernel keeps. */
#include "bpf.h"

struct {
	__uint(type, ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} a_map_with_a_very_long_name SEC(".maps");

int a_variable_with_a_long_name_in_a_section_with_one SEC(".data.a_section_with_a_long_name");
int plain;

SEC("tc") int a_program_with_a_very_long_name_indeed(struct __sk_buff *skb)
{
	u32 key = 0;

	map_lookup_elem(&a_map_with_a_very_long_name, &key);
	return plain + a_variable_with_a_long_name_in_a_section_with_one;
}
LICENSE("GPL");
