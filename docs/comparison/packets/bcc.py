import time

from bcc import BPF

b = BPF(text="""
#include <uapi/linux/if_ether.h>
#include <uapi/linux/ip.h>
BPF_HASH(counts, u32, u64);

int count(struct xdp_md *ctx) {
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *ethernet = data;
    struct iphdr *ip = data + sizeof(*ethernet);
    if ((void *)(ip + 1) > end || ethernet->h_proto != htons(ETH_P_IP))
        return XDP_PASS;
    counts.increment(ip->protocol);
    return XDP_PASS;
}
""")
b.attach_xdp("eth0", b.load_func("count", BPF.XDP), 0)
time.sleep(10)
print({key.value: value.value for key, value in b["counts"].items()})
b.remove_xdp("eth0", 0)
