#include "common.h"

u64 good = 0, bad = 0;

SEC("xdp")
int prog(struct xdp_md *ctx)
{
	u8 *start = packet_at(ctx, 14, 20);
	u32 words, sum = 0;

	if (!start)
		return XDP_PASS;
	words = (*start & 15) * 2;
	for (u32 i = 0; i < 30; i++) {
		u16 *word;

		if (i >= words)
			break;
		word = packet_at(ctx, 14 + i * 2, 2);
		if (!word)
			return XDP_DROP;
		sum += *word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	if (sum == 0xffff) {
		good += 1;
		return XDP_PASS;
	}
	bad += 1;
	return XDP_DROP;
}
