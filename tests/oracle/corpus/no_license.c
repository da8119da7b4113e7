/* Neither a licence nor a global variable; the version of a kernel, which old ones wanted. */
#include "bpf.h"

unsigned _version SEC("version") = 0x60c00;

SEC("socket") int program(struct __sk_buff *skb)
{
	return skb->len;
}
