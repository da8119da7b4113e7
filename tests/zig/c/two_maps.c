// Two maps and several variables of one section: each must keep its own name and type.
#include "core.h"

struct {
	int (*type)[1];
	u32 *key;
	u64 *value;
	int (*max_entries)[8];
} first SEC(".maps");

struct {
	int (*type)[2];
	u32 *key;
	u32 *value;
	int (*max_entries)[4];
} second SEC(".maps");

u32 small = 1;
u64 large = 2;
const volatile u32 limit = 3;
const volatile u64 wide = 4;

static void *(*map_lookup_elem)(void *, const void *) = (void *)1;

SEC("socket") int prog(void *ctx)
{
	u32 key = limit;
	u32 *found = map_lookup_elem(&second, &key);
	u64 *other = map_lookup_elem(&first, &key);

	if (found && other)
		large += *found + *other + small + wide;
	return 0;
}
