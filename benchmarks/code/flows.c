#include "common.h"

struct flow {
	u32 source, target;
	u16 source_port, target_port;
	u32 protocol;
};

struct traffic {
	u64 packets, bytes;
};

struct {
	NUMBER(type, LRU_HASH);
	TYPE(key, struct flow);
	TYPE(value, struct traffic);
	NUMBER(max_entries, 1024);
} flows SEC(".maps");

struct packet {
	struct ip ip;
	u16 source_port, target_port;
};

SEC("xdp")
int prog(struct xdp_md *ctx)
{
	struct packet *packet = packet_at(ctx, 14, sizeof(*packet));
	struct traffic *found, next = { 1, 0 };
	struct flow flow;

	if (!packet)
		return XDP_PASS;
	flow.source = packet->ip.source;
	flow.target = packet->ip.target;
	flow.source_port = packet->source_port;
	flow.target_port = packet->target_port;
	flow.protocol = packet->ip.protocol;
	found = bpf_map_lookup_elem(&flows, &flow);
	if (found) {
		next.packets = found->packets + 1;
		next.bytes = found->bytes;
	}
	next.bytes += __builtin_bswap16(packet->ip.total);
	bpf_map_update_elem(&flows, &flow, &next, ANY);
	return XDP_PASS;
}
