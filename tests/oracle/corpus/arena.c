/* Variables in an arena at an address that is asked for. */
#include "bpf.h"

#define __arena __attribute__((address_space(1)))

struct {
	__uint(type, ARENA);
	__uint(map_flags, F_MMAPABLE);
	__uint(max_entries, 16);
	__ulong(map_extra, 1ull << 44);
} arena SEC(".maps");

int __arena counter = 5;
int __arena numbers[4] = { 1, 2, 3, 4 };
int __arena *place;

SEC("syscall") int touch(void *context)
{
	counter += 1;
	numbers[2] += counter;
	place = &numbers[2];
	asm volatile("" ::"r"(&arena));
	return *place;
}
LICENSE("GPL");
