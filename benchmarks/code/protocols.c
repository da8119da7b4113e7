#include "common.h"

struct seen {
	u64 packets, bytes;
};

struct {
	NUMBER(type, PERCPU_ARRAY);
	TYPE(key, u32);
	TYPE(value, struct seen);
	NUMBER(max_entries, 256);
} seen SEC(".maps");

SEC("xdp")
int prog(struct xdp_md *ctx)
{
	struct ip *ip = packet_at(ctx, 14, sizeof(*ip));
	struct seen *entry;
	u32 key;

	if (!ip)
		return XDP_PASS;
	key = ip->protocol;
	entry = bpf_map_lookup_elem(&seen, &key);
	if (!entry)
		return XDP_PASS;
	entry->packets += 1;
	entry->bytes += ctx->data_end - ctx->data;
	return XDP_PASS;
}
