/* Atomic operations of both widths. */
#include "bpf.h"

u64 wide = 1;
u32 narrow = 1;

SEC("tc") int program(struct __sk_buff *skb)
{
	u64 was = __sync_fetch_and_add(&wide, 2);

	__sync_fetch_and_or(&narrow, 4);
	__sync_fetch_and_and(&wide, 0xff);
	__sync_fetch_and_xor(&narrow, 1);
	was += __sync_val_compare_and_swap(&wide, 3, 4);
	was += __sync_lock_test_and_set(&narrow, 9);
	return was;
}
LICENSE("GPL");
