#include "common.h"

/* What running a program costs before it does anything. */
SEC("xdp")
int prog(struct xdp_md *ctx)
{
	return XDP_PASS;
}
