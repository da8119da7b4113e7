"""BCC's reader of a ring buffer, run by the system's Python: for each line on stdin, nanoseconds an event on stdout.

Arguments: the library made of peer.c, how many events a round has. Events are those of ring.zig, objects are made and
taken as BCC's own tools do.
"""

import ctypes
import sys
import time

from bcc import BPF

SOURCE = """
struct event { u64 number, time; u32 pid, cpu; u64 a, b, c, d, e; };
BPF_RINGBUF_OUTPUT(events, 4096);
BPF_ARRAY(counts, u64, 1);
int uniform(struct __sk_buff *context)
{
    int zero = 0;
    u64 *count = counts.lookup(&zero);
    struct event event = {};
    if (!count)
        return 0;
    event.number = ++*count;
    event.pid = 1;
    event.cpu = 2;
    events.ringbuf_output(&event, sizeof(event), 0);
    return 0;
}
"""


def main() -> None:
    library, count = ctypes.CDLL(sys.argv[1]), int(sys.argv[2])
    bpf = BPF(text=SOURCE)
    program = bpf.load_func("uniform", BPF.SOCKET_FILTER)
    events = bpf["events"]
    total = seen = 0

    def callback(_context, data, _size):
        nonlocal total, seen
        total += events.event(data).number
        seen += 1

    events.open_ring_buffer(callback)
    print("ready", flush=True)
    made = 0
    for _ in sys.stdin:
        library.run(program.fd, count)
        made += count
        start = time.thread_time_ns()
        bpf.ring_buffer_consume()
        took = time.thread_time_ns() - start
        if (seen, total) != (made, made * (made + 1) // 2):
            raise SystemExit(f"{seen} of {made} events")
        print(took / count, flush=True)


main()
