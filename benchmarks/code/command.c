#include "common.h"

char wanted[16] SEC(".rodata") = "python";
u64 matches = 0, others = 0;

SEC("raw_tp/sys_enter")
int prog(void *ctx)
{
	char command[16];

	bpf_get_current_comm(command, sizeof(command));
	for (int i = 0; i < 16; i++) {
		if (command[i] != wanted[i]) {
			others += 1;
			return 0;
		}
		if (!command[i])
			break;
	}
	matches += 1;
	return 1;
}
