/* A global function that takes the context of whatever program calls it. */
#include "bpf.h"

noinline int with_context(void *context tag("arg:ctx"), int number)
{
	return context ? number : 0;
}

SEC("tc") int program(struct __sk_buff *skb)
{
	return with_context(skb, skb->len);
}
SEC("raw_tp/sys_enter") int other(void *context)
{
	return with_context(context, 1) & 1;
}
LICENSE("GPL");
