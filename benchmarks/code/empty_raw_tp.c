#include "common.h"

/* What running a program costs before it does anything. */
SEC("raw_tp/sys_enter")
int prog(void *ctx)
{
	return 0;
}
