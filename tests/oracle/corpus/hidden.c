/* A function that is hidden is verified for each call with what is known there; one that is shown, by itself. */
#include "bpf.h"

static u64 place;

hidden noinline int concealed(u64 *at)
{
	return *at; /* which the verifier allows only where it knows what `at` is */
}

noinline int shown(int number)
{
	return number * 2;
}

SEC("tc") int program(struct __sk_buff *skb)
{
	u64 here = skb->len;

	place = here;
	return concealed(&here) + shown(skb->mark);
}
LICENSE("GPL");
