/* Instructions that the compiler does not choose by itself. */
#include "bpf.h"

static noinline int with_may_goto(void)
{
	int count = 0;

	for (;;) {
		/* may_goto over the next instruction (Linux 6.9); objects of older compilers cannot say it */
		asm volatile goto(".byte 0xe5; .byte 0; .short (%l[out] - . - 4) / 8; .long 0" ::::out);
		count++;
	}
out:
	return count & 1;
}

SEC("tc") int program(struct __sk_buff *skb)
{
	u64 value = 0;

	asm volatile("%[value] = 0x123456789abcdef0 ll" : [value] "=r"(value));
	asm volatile("%[value] = be16 %[value]" : [value] "+r"(value));
	asm volatile("if %[value] s> 5 goto +1; %[value] = 3" : [value] "+r"(value));
	return value + with_may_goto();
}
LICENSE("GPL");
