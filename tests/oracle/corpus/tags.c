/* Types of every kind, tags on declarations, types and arguments, enums of 64 bits, numbers with a point. */
#include "bpf.h"

#define type_tag(text) __attribute__((btf_type_tag(text)))

enum small { SMALL_A, SMALL_B = -1 };
enum large { LARGE_A = 0x123456789abcull, LARGE_B = 1 };
struct forward;
union both {
	u32 number;
	float point;
};
typedef double wide_point;
struct tagged {
	int first tag("a member");
	unsigned bits : 3, more : 7;
	union both both;
	enum small small;
	enum large large;
	struct forward *ahead;
	wide_point point;
	int type_tag("user") *user;
	int (*function)(int, const char *);
	char text[4][5];
} tag("a struct");

struct tagged variable tag("a variable");
volatile const enum large chosen = LARGE_A;

noinline int with_context(void *context tag("arg:ctx"), u64 *number tag("arg:nonnull"))
{
	return *number + 1;
}
noinline tag("a function") int untagged(struct tagged *given)
{
	return given ? given->first : 0;
}

SEC("tc") int program(struct __sk_buff *skb)
{
	u64 number = chosen;

	variable.more = 2;
	return with_context(skb, &number) + untagged(&variable);
}
SEC("raw_tp/sys_enter") int other(void *context)
{
	u64 number = 1;

	return with_context(context, &number);
}
LICENSE("GPL");
