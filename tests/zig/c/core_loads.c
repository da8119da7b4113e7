/* Loads and stores that carry the offset themselves, and whose width may have to change. */
#include "core.h"

struct __sk_buff { u32 hash; u32 cb[5]; u32 len; u32 mark; u32 never_was; } CORE;
struct __sk_buff___narrow { u16 len; void *mark; } CORE;
struct __sk_buff___signed { short len; } CORE;
struct not_in_any_kernel { int member; } CORE;

/* x86 and arm64 by turns; what the kernel has not is cut out. */
struct pt_regs___x86 { unsigned long di; } CORE;
struct pt_regs___x86_narrow { u32 si; } CORE;
struct pt_regs___arm64 { unsigned long regs[31]; } CORE;

SEC("tc")
int packet(struct __sk_buff *skb)
{
	u32 sum = skb->len;

	skb->mark = sum;
	skb->cb[3] = sum;
	skb->cb[1] = 7;
	if (EXISTS(skb->never_was))
		sum += skb->never_was;
	return sum + skb->hash;
}

SEC("tc")
int narrow(struct __sk_buff *skb)
{
	struct __sk_buff___narrow *other = (void *)skb;
	struct __sk_buff___signed *wrong = (void *)skb;
	u32 sum = other->len;

	/* A width that must not change: fine as long as nobody gets there. */
	if (TYPE_EXISTS(struct not_in_any_kernel))
		sum += wrong->len;
	return sum;
}

SEC("kprobe/do_nanosleep")
int registers(void *ctx)
{
	struct pt_regs___x86 *x86 = ctx;
	struct pt_regs___x86_narrow *narrow = ctx;
	struct pt_regs___arm64 *arm64 = ctx;

	if (EXISTS(x86->di))
		return x86->di + narrow->si;
	if (EXISTS(arm64->regs[1]))
		return arm64->regs[1];
	return 0;
}
