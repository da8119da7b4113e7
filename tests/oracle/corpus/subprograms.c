/* Functions that call each other: static, global, weak, hidden, in a diamond, and from several programs. */
#include "bpf.h"

static u64 calls;
int seed = 3;

static noinline int leaf(int number)
{
	calls++;
	return number * seed;
}
static noinline int left(int number)
{
	return leaf(number + 1) + 1;
}
static noinline int right(int number)
{
	return leaf(number + 2) + left(number);
}
noinline int top(int number)
{
	return left(number) + right(number);
}
weak noinline int replaceable(int number)
{
	return number + 7;
}
hidden noinline int inside(int number)
{
	return replaceable(number) + leaf(number);
}

SEC("tc") int first(struct __sk_buff *skb)
{
	return top(skb->len) + inside(skb->mark);
}
SEC("tc") int second(struct __sk_buff *skb)
{
	return right(skb->len);
}
SEC("xdp") int third(struct xdp_md *xdp)
{
	return inside(xdp->rx_queue_index) & 1;
}
SEC("?xdp") int left_out(struct xdp_md *xdp)
{
	return leaf(1);
}
LICENSE("GPL");
