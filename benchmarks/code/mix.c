#include "common.h"

u64 buckets[64] = {};

INLINE u64 mixed(u64 value)
{
	value ^= value >> 30;
	value *= 0xbf58476d1ce4e5b9;
	value ^= value >> 27;
	value *= 0x94d049bb133111eb;
	return value ^ value >> 31;
}

SEC("xdp")
int prog(struct xdp_md *ctx)
{
	u64 *words = packet_at(ctx, 16, 32), hash = 0;

	if (!words)
		return XDP_PASS;
	for (int i = 0; i < 4; i++)
		hash = mixed(hash + words[i] + 0x9e3779b97f4a7c15);
	hash = (hash << 23 | hash >> 41) + hash / 1000003 + hash % 97;
	buckets[hash >> 58] += 1;
	return hash & 1 ? XDP_PASS : XDP_DROP;
}
