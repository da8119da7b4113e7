#include <stdio.h>
#include <bpf/libbpf.h>
#include "connects.h"
#include "connects.skel.h"

static int show(void *ctx, void *data, size_t size)
{
    const struct event *event = data;

    printf("%u %s %u.%u.%u.%u %u\n", event->pid, event->command, event->address[0], event->address[1],
           event->address[2], event->address[3], event->port);
    return 0;
}

int main(void)
{
    struct connects *probe = connects__open_and_load();
    struct ring_buffer *ring;

    if (!probe || connects__attach(probe))
        return 1;
    ring = ring_buffer__new(bpf_map__fd(probe->maps.events), show, NULL, NULL);
    if (!ring)
        return 1;
    while (ring_buffer__poll(ring, -1) >= 0)
        ;
    ring_buffer__free(ring);
    connects__destroy(probe);
    return 1;
}
