#include "common.h"

/* What running a program costs before it does anything. */
SEC("socket")
int prog(struct __sk_buff *skb)
{
	return 0;
}
