#include <stdio.h>
#include <unistd.h>
#include <bpf/libbpf.h>
#include "latency.skel.h"

int main(void)
{
    struct latency *probe = latency__open_and_load();

    if (!probe || latency__attach(probe))
        return 1;
    sleep(10);
    for (int slot = 0; slot < 64; slot++) {
        unsigned long long count = probe->bss->slots[slot];

        if (count)
            printf("[2^%d, 2^%d): %llu\n", slot, slot + 1, count);
    }
    latency__destroy(probe);
    return 0;
}
