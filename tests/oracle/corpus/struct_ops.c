/* A congestion control: functions of a struct, one that this kernel does not know, one struct left out. */
#include "bpf.h"

struct sock;
struct tcp_congestion_ops___mine {
	char name[16];
	u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
	u32 (*undo_cwnd)(struct sock *sk);
	u32 flags;
	int newer_than_any_kernel;
	void (*also_newer)(int number);
};

SEC("struct_ops") u32 ssthresh(u64 *context)
{
	return 2;
}
SEC("struct_ops") void cong_avoid(u64 *context)
{
}
SEC("struct_ops") u32 undo_cwnd(u64 *context)
{
	return 3;
}
SEC("struct_ops") u32 only_of_the_other(u64 *context)
{
	return 4;
}

SEC(".struct_ops.link") struct tcp_congestion_ops___mine pyzbpf_mine = {
	.ssthresh = (void *)ssthresh,
	.cong_avoid = (void *)cong_avoid,
	.undo_cwnd = (void *)undo_cwnd,
	.name = "pyzbpf_mine",
};
SEC("?.struct_ops") struct tcp_congestion_ops___mine pyzbpf_other = {
	.ssthresh = (void *)ssthresh,
	.cong_avoid = (void *)cong_avoid,
	.undo_cwnd = (void *)only_of_the_other,
	.name = "pyzbpf_other",
};
LICENSE("GPL");
