"""pylibbpf's reader of a perf buffer (it has none of ring buffers), as `with_bcc.py`; the third argument is the object."""

import ctypes
import os
import sys
import time

from pylibbpf import BpfObject


class Event(ctypes.Structure):
    """As in perf.zig."""

    _fields_ = (
        ("number", ctypes.c_uint64), ("time", ctypes.c_uint64), ("pid", ctypes.c_uint32), ("cpu", ctypes.c_uint32),
        *((name, ctypes.c_uint64) for name in "abcde"),
    )  # fmt: skip


def program_descriptor() -> int:
    """The only program of this process: pylibbpf does not tell its descriptor."""
    for name in os.listdir("/proc/self/fd"):
        if os.path.exists(f"/proc/self/fd/{name}") and "bpf-prog" in os.readlink(f"/proc/self/fd/{name}"):
            return int(name)
    raise SystemExit("pylibbpf has loaded no program")


def main() -> None:
    library, count = ctypes.CDLL(sys.argv[1]), int(sys.argv[2])
    probe = BpfObject(sys.argv[3], structs={"Event": Event})
    probe.load()
    program = program_descriptor()
    total = seen = 0

    def callback(_cpu, event):
        nonlocal total, seen
        total += event.number
        seen += 1

    buffer = probe["events"].open_perf_buffer(callback, struct_name="Event", page_cnt=4096)
    print("ready", flush=True)
    made = 0
    for _ in sys.stdin:
        library.run(program, count)
        made += count
        start = time.thread_time_ns()
        buffer.consume()
        took = time.thread_time_ns() - start
        if (seen, total) != (made, made * (made + 1) // 2):
            raise SystemExit(f"{seen} of {made} events")
        print(took / count, flush=True)


main()
