#include "common.h"

struct bucket {
	u64 time, tokens;
};

struct {
	NUMBER(type, ARRAY);
	TYPE(key, u32);
	TYPE(value, struct bucket);
	NUMBER(max_entries, 16);
} limits SEC(".maps");

u32 rate SEC(".rodata") = 1000;
u64 burst SEC(".rodata") = 4000000;

struct order {
	u64 time;
	u32 size, queue;
};

SEC("xdp")
int prog(struct xdp_md *ctx)
{
	struct order *order = packet_at(ctx, 16, sizeof(*order));
	u64 elapsed, cost;
	u32 queue;
	struct bucket *bucket;

	if (!order)
		return XDP_PASS;
	queue = order->queue & 15;
	bucket = bpf_map_lookup_elem(&limits, &queue);
	if (!bucket)
		return XDP_PASS;
	if (order->time > bucket->time) {
		elapsed = order->time - bucket->time;
		if (elapsed > 0xffffffff)
			elapsed = 0xffffffff;
		bucket->tokens += elapsed * rate / 256;
		if (bucket->tokens > burst)
			bucket->tokens = burst;
		bucket->time = order->time;
	}
	cost = (u64)order->size * 8;
	if (bucket->tokens < cost)
		return XDP_DROP;
	bucket->tokens -= cost;
	return XDP_PASS;
}
