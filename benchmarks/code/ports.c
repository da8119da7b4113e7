#include "common.h"

struct {
	NUMBER(type, HASH);
	TYPE(key, u16);
	TYPE(value, u64);
	NUMBER(max_entries, 64);
} blocked SEC(".maps");

struct udp {
	u16 source, target, length, checksum;
};

SEC("xdp")
int prog(struct xdp_md *ctx)
{
	struct ip *ip = packet_at(ctx, 14, sizeof(*ip));
	struct udp *udp;
	u64 *count;
	u16 port;

	if (!ip || ip->protocol != 17)
		return XDP_PASS;
	udp = packet_at(ctx, 14 + (ip->version_length & 15) * 4, sizeof(*udp));
	if (!udp)
		return XDP_PASS;
	port = __builtin_bswap16(udp->target);
	count = bpf_map_lookup_elem(&blocked, &port);
	if (!count)
		return XDP_PASS;
	*count += 1;
	return XDP_DROP;
}
