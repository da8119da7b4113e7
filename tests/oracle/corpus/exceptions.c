/* A function that the kernel calls when the program throws. */
#include "bpf.h"

extern void bpf_throw(u64 cookie) KSYMS;

noinline int caught(u64 cookie)
{
	return cookie + 1;
}
noinline int thrower(struct __sk_buff *skb)
{
	if (skb && skb->len > 1000)
		bpf_throw(5);
	return 0;
}

SEC("tc") tag("exception_callback:caught") int program(struct __sk_buff *skb)
{
	if (skb->len > 2000)
		bpf_throw(7);
	return 1;
}
SEC("tc") int without(struct __sk_buff *skb)
{
	if (skb->len > 3000)
		bpf_throw(8);
	return 2;
}
LICENSE("GPL");
