/* Code and data of some size: jumps that are long, a table of a megabyte, many calls. */
#include "bpf.h"

char table[1 << 20];
u64 sums[512];

#define STEP(n) if (skb->mark == n) sums[n & 511] += skb->len * n;
#define TEN(n) STEP(n) STEP(n + 1) STEP(n + 2) STEP(n + 3) STEP(n + 4) STEP(n + 5) STEP(n + 6) STEP(n + 7) STEP(n + 8) STEP(n + 9)
#define HUNDRED(n) TEN(n) TEN(n + 10) TEN(n + 20) TEN(n + 30) TEN(n + 40) TEN(n + 50) TEN(n + 60) TEN(n + 70) TEN(n + 80) TEN(n + 90)

SEC("tc") int program(struct __sk_buff *skb)
{
	HUNDRED(0) HUNDRED(100) HUNDRED(200) HUNDRED(300)
	table[skb->len & 0xfffff] = 1;
	return 0;
}
LICENSE("GPL");
