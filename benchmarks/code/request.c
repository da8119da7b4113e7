#include "common.h"

enum state { METHOD, PATH, VERSION, DONE };

u64 requests = 0, path_bytes = 0, numbers = 0;

SEC("xdp")
int prog(struct xdp_md *ctx)
{
	u8 *text = packet_at(ctx, 14, 64);
	u32 length = 0, number = 0;
	enum state state = METHOD;

	if (!text)
		return XDP_PASS;
	for (u32 i = 0; i < 64; i++) {
		u8 byte = text[i];

		switch (state) {
		case METHOD:
			if (byte == ' ')
				state = PATH;
			else if (byte < 'A' || byte > 'Z')
				return XDP_DROP;
			break;
		case PATH:
			if (byte == ' ')
				state = VERSION;
			else
				length++;
			break;
		case VERSION:
			if (byte == '\r')
				state = DONE;
			else if (byte >= '0' && byte <= '9')
				number = number * 10 + (byte - '0');
			break;
		case DONE:
			break;
		}
		if (state == DONE)
			break;
	}
	if (state != DONE)
		return XDP_DROP;
	requests += 1;
	path_bytes += length;
	numbers += number;
	return XDP_PASS;
}
