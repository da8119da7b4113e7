/* Data in sections of its own, literals, tables, static variables of the same name, addresses into the middle. */
#include "bpf.h"

struct row {
	u32 from, to;
	char name[8];
};

int plain = 1, nothing, many[300];
static volatile int quiet;
const volatile int limit = 9;
int mine SEC(".data.mine") = 4, mine_too SEC(".data.mine");
const volatile u64 theirs SEC(".rodata.theirs") = 5;
int late SEC(".bss.late");
static const struct row table[] = { { 1, 2, "one" }, { 3, 4, "two" }, { 5, 6, "three" } };
static struct row changing[3] = { { 7, 8, "x" } };
struct row *pointer = &changing[1]; /* a relocation in .data, which nobody follows */
static int (*const functions[])(int) = { 0 };

noinline int one(int number)
{
	static int counter;

	return counter += number;
}
noinline int two(int number)
{
	static int counter = 5;

	return counter -= number;
}

SEC("tc") int program(struct __sk_buff *skb)
{
	static const char format[] = "%d %d";
	u32 which = skb->len % 3;

	trace_printk(format, sizeof(format), plain, limit);
	trace_printk("a literal", 10);
	quiet++;
	many[17] = skb->mark;
	changing[2].to = table[which].to;
	mine_too = mine + theirs;
	late = changing[1].from;
	return one(2) + two(3) + nothing + (functions[0] == 0);
}
LICENSE("Dual BSD/GPL");
