#include <net/if.h>
#include <stdio.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "packets.skel.h"

int main(void)
{
    struct packets *probe = packets__open_and_load();
    __u32 key, *last = NULL;
    __u64 value;
    int fd;

    if (!probe || !bpf_program__attach_xdp(probe->progs.count, if_nametoindex("eth0")))
        return 1;
    sleep(10);
    fd = bpf_map__fd(probe->maps.counts);
    for (; !bpf_map_get_next_key(fd, last, &key); last = &key) {
        if (!bpf_map_lookup_elem(fd, &key, &value))
            printf("%u: %llu\n", key, value);
    }
    packets__destroy(probe);
    return 0;
}
