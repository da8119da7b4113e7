/* A congestion control in C, registered once with a link and once without: beside the struct of functions in Zig. */
#define SEC(name) __attribute__((section(name), used))
typedef unsigned int u32;
typedef unsigned long long u64;

char license_of_this[] SEC("license") = "GPL";
u64 acknowledged, first_calls, second_calls;

struct sock;
struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
	u32 (*undo_cwnd)(struct sock *sk);
	void (*init)(struct sock *sk);
	char name[16];
};

SEC("struct_ops") u32 ssthresh(u64 *context)
{
	return 2;
}
SEC("struct_ops") void cong_avoid(u64 *context)
{
	acknowledged++;
}
SEC("struct_ops") u32 undo_cwnd(u64 *context)
{
	return 2;
}
SEC("struct_ops") void first_init(u64 *context)
{
	first_calls++;
}
SEC("struct_ops") void second_init(u64 *context)
{
	second_calls++;
}

SEC(".struct_ops.link") struct tcp_congestion_ops linked = {
	.ssthresh = (void *)ssthresh,
	.cong_avoid = (void *)cong_avoid,
	.undo_cwnd = (void *)undo_cwnd,
	.init = (void *)first_init,
	.name = "pyzbpf_linked",
};
SEC("?.struct_ops.link") struct tcp_congestion_ops newer = {
	.ssthresh = (void *)ssthresh,
	.cong_avoid = (void *)cong_avoid,
	.undo_cwnd = (void *)undo_cwnd,
	.init = (void *)second_init,
	.name = "pyzbpf_linked",
};
SEC("?.struct_ops") struct tcp_congestion_ops classic = {
	.ssthresh = (void *)ssthresh,
	.cong_avoid = (void *)cong_avoid,
	.undo_cwnd = (void *)undo_cwnd,
	.init = (void *)second_init,
	.name = "pyzbpf_classic",
};
