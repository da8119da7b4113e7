/* Two structs that share their functions, one with a link of the kernel and one without. */
#include "bpf.h"

struct sock;
struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
	u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
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

SEC(".struct_ops.link") struct tcp_congestion_ops pyzbpf_linked = {
	.ssthresh = (void *)ssthresh,
	.cong_avoid = (void *)cong_avoid,
	.undo_cwnd = (void *)undo_cwnd,
	.name = "pyzbpf_linked",
};
SEC(".struct_ops") struct tcp_congestion_ops pyzbpf_stored = {
	.ssthresh = (void *)ssthresh,
	.cong_avoid = (void *)cong_avoid,
	.undo_cwnd = (void *)undo_cwnd,
	.name = "pyzbpf_stored",
};
LICENSE("GPL");
