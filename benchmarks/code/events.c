#include "common.h"

struct event {
	u32 source, target, length;
	u16 total;
	u8 protocol, ttl;
};

struct {
	NUMBER(type, RINGBUF);
	NUMBER(max_entries, 1 << 20);
} events SEC(".maps");

u64 lost = 0;

SEC("socket")
int prog(struct __sk_buff *skb)
{
	struct event *event;
	struct ip ip;

	if (bpf_skb_load_bytes(skb, 14, &ip, sizeof(ip)) < 0)
		return 0;
	if (ip.version_length >> 4 != 4)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	event->source = ip.source;
	event->target = ip.target;
	event->length = skb->len;
	event->total = __builtin_bswap16(ip.total);
	event->protocol = ip.protocol;
	event->ttl = ip.ttl;
	bpf_ringbuf_submit(event, 0);
	return 0;
}
