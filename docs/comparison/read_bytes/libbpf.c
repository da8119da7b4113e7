#include <stdio.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "read_bytes.skel.h"

int main(void)
{
    struct read_bytes *probe = read_bytes__open_and_load();
    __u32 key, *last = NULL;
    __u64 value;
    int fd;

    if (!probe || read_bytes__attach(probe))
        return 1;
    sleep(10);
    fd = bpf_map__fd(probe->maps.counts);
    for (; !bpf_map_get_next_key(fd, last, &key); last = &key) {
        if (!bpf_map_lookup_elem(fd, &key, &value))
            printf("%u: %llu\n", key, value);
    }
    read_bytes__destroy(probe);
    return 0;
}
