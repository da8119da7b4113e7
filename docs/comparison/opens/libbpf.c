#include <stdio.h>
#include <bpf/libbpf.h>
#include "opens.h"
#include "opens.skel.h"

static int show(void *ctx, void *data, size_t size)
{
    const struct event *event = data;

    printf("%u %s %s\n", event->pid, event->command, event->path);
    return 0;
}

int main(void)
{
    struct opens *probe = opens__open_and_load();
    struct ring_buffer *ring;

    if (!probe || opens__attach(probe))
        return 1;
    ring = ring_buffer__new(bpf_map__fd(probe->maps.events), show, NULL, NULL);
    if (!ring)
        return 1;
    while (ring_buffer__poll(ring, -1) >= 0)
        ;
    ring_buffer__free(ring);
    opens__destroy(probe);
    return 1;
}
