/* Asks for what no kernel has, and does not ask first whether it is there. */
#include "core.h"

struct task_struct { int never_was; } CORE;
struct __sk_buff { short len; } CORE;

SEC("raw_tp/sys_enter")
int unguarded(void *ctx)
{
	return OFFSET(((struct task_struct *)ctx)->never_was);
}

SEC("tc")
int signed_load(struct __sk_buff *skb)
{
	return skb->len;
}
