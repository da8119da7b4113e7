// Switches that LLVM makes jump tables of for cpu v4: in a program, and in a subprogram that two programs share.
#include "core.h"

volatile u32 asked;
volatile u32 seen;

// A comment of its own in each case keeps LLVM from making a table of results.
#define CASE(number, result) \
	case number: \
		asm volatile("# case " #number); \
		seen = result; \
		return result - 1;

SEC("socket") int choose(void *ctx)
{
	switch (asked) {
		CASE(0, 17) CASE(1, 3) CASE(2, 90) CASE(3, 41) CASE(4, 8) CASE(5, 66) CASE(6, 5) CASE(7, 72) CASE(8, 19)
		CASE(9, 33) CASE(10, 1) CASE(11, 54) CASE(12, 27) CASE(13, 80) CASE(15, 12) CASE(16, 99) CASE(17, 63)
	}
	return 1000;
}

static __attribute__((noinline)) int shared(u32 number)
{
	switch (number) {
		CASE(3, 7) CASE(4, 18) CASE(5, 2) CASE(6, 31) CASE(7, 50) CASE(8, 44) CASE(9, 83) CASE(10, 29) CASE(11, 4)
		CASE(12, 61) CASE(13, 11) CASE(14, 95) CASE(15, 38) CASE(16, 20) CASE(17, 76) CASE(18, 57)
	}
	return 2000;
}

SEC("socket") int first(void *ctx)
{
	return shared(asked) + 10000;
}

SEC("socket") int second(void *ctx)
{
	return shared(asked + 1) + 20000;
}

SEC("socket") int without(void *ctx)
{
	return 5;
}
