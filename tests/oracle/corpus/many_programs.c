/* Two hundred programs that share maps and a subprogram. */
#include "bpf.h"

struct {
	__uint(type, ARRAY);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, u64);
} counts SEC(".maps");

int step = 2;

static noinline int count(u32 which)
{
	u64 *found = map_lookup_elem(&counts, &which);

	if (found)
		*found += step;
	return 0;
}

#define PROGRAM(n) SEC("tc") int program_##n(struct __sk_buff *skb) { return count(n); }
#define TEN(n) PROGRAM(n##0) PROGRAM(n##1) PROGRAM(n##2) PROGRAM(n##3) PROGRAM(n##4) PROGRAM(n##5) PROGRAM(n##6) PROGRAM(n##7) PROGRAM(n##8) PROGRAM(n##9)

TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) TEN(7) TEN(8) TEN(9) TEN(10) TEN(11) TEN(12) TEN(13) TEN(14) TEN(15) TEN(16) TEN(17) TEN(18) TEN(19) TEN(20)
LICENSE("GPL");
