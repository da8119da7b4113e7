#include "common.h"

struct {
	NUMBER(type, ARRAY);
	TYPE(key, u32);
	TYPE(value, u64);
	NUMBER(max_entries, 64);
} slots SEC(".maps");

INLINE u32 log2_32(u32 value)
{
	u32 result, shift;

	result = (value > 0xffff) << 4;
	value >>= result;
	shift = (value > 0xff) << 3;
	value >>= shift;
	result |= shift;
	shift = (value > 0xf) << 2;
	value >>= shift;
	result |= shift;
	shift = (value > 0x3) << 1;
	value >>= shift;
	result |= shift;
	return result | value >> 1;
}

INLINE u32 log2_64(u64 value)
{
	u32 high = value >> 32;

	return high ? log2_32(high) + 32 : log2_32(value);
}

SEC("xdp")
int prog(struct xdp_md *ctx)
{
	u64 *value = packet_at(ctx, 16, sizeof(*value)), *found;
	u32 slot;

	if (!value)
		return XDP_PASS;
	slot = log2_64(*value);
	found = bpf_map_lookup_elem(&slots, &slot);
	if (found)
		*found += 1;
	return XDP_PASS;
}
