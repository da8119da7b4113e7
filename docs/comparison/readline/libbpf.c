#include <stdio.h>
#include <bpf/libbpf.h>
#include "readline.h"
#include "readline.skel.h"

static int show(void *ctx, void *data, size_t size)
{
    const struct event *event = data;

    printf("%u %s\n", event->pid, event->line);
    return 0;
}

int main(void)
{
    struct readline *probe = readline__open_and_load();
    struct ring_buffer *ring;

    if (!probe || readline__attach(probe))
        return 1;
    ring = ring_buffer__new(bpf_map__fd(probe->maps.events), show, NULL, NULL);
    if (!ring)
        return 1;
    while (ring_buffer__poll(ring, -1) >= 0)
        ;
    ring_buffer__free(ring);
    readline__destroy(probe);
    return 1;
}
