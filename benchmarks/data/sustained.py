"""A producer on another CPU at a fixed rate: how fast without loss, at what cost, how late the reader wakes up."""

from __future__ import annotations

import ctypes
import os
import statistics
import threading
import time
from typing import TYPE_CHECKING, Any

from benchmarks.data.rings import BATCH
from benchmarks.data.setting import Result, Row, Setting

if TYPE_CHECKING:
    from collections.abc import Callable

RATES = [r * 100_000 for r in (1, 2, 4, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40, 50, 60)]
BURST_NS = 1_000_000
_LATE_RATE = 500


class Latencies(ctypes.Structure):
    """For peer.c: how many, room, nanoseconds."""

    _fields_ = [("count", ctypes.c_uint64), ("room", ctypes.c_uint64), ("ns", ctypes.c_void_p)]


class Run:
    """What one run gave: events made, read and lost, CPU time of the reader."""

    def __init__(self, made: int, read: int, lost: int, cpu_ns: float) -> None:
        self.made, self.read, self.lost, self.cpu_ns = made, read, lost, cpu_ns
        if made != read + lost:
            raise SystemExit(f"{made} events were made, {read} read and {lost} counted as lost")


class Bench:
    """The probe, and a producer in a thread of its own, pinned to the last CPU; the reader has the first."""

    def __init__(self, setting: Setting, probe: Any) -> None:
        self.setting, self.ring, self.program = setting, probe.maps["events"], probe.programs["uniform"]
        self.duration_ns = int(0.5e9 * max(setting.scale, 0.4))

    def produce(self, rate: int, consume: Callable[[Callable[[], bool]], tuple[int, float]]) -> Run:
        """Make events and consume them; ``consume`` gets a function that says when to end."""
        made: list[int] = []
        before = self.ring.lost

        def run() -> None:
            made.append(
                self.setting.peer.produce(
                    self.program.fileno(), rate, BURST_NS, self.duration_ns, len(os.sched_getaffinity(0)) - 1
                )
            )

        thread = threading.Thread(target=run)
        thread.start()
        read, cpu_ns = consume(lambda: not thread.is_alive())
        thread.join()
        return Run(made[0], read, self.ring.lost - before, cpu_ns)

    def c(self, over: Callable[[], bool]) -> tuple[int, float]:
        """Libbpf's reader, in a thread of its own while this one looks for the end."""
        result, stop = Result(), ctypes.c_int(0)
        watch = threading.Thread(
            target=self.setting.peer.ring_watch,
            args=(self.ring.fileno(), ctypes.byref(stop), ctypes.byref(result)),
        )
        watch.start()
        while not over():
            time.sleep(0.01)
        stop.value = 1
        watch.join()
        return result.count, float(result.cpu_ns)

    def python(self, use: Callable[[Any], int]) -> Callable[[Callable[[], bool]], tuple[int, float]]:
        """Batches of pyzbpf."""
        from pyzbpf.events.ring_buffer import RingBuffer
        from pyzbpf.kernel.fd import Fd

        def consume(over: Callable[[], bool]) -> tuple[int, float]:
            read = 0
            start = time.thread_time_ns()
            with RingBuffer(self.ring.spec, Fd(os.dup(self.ring.fileno()), "ring"), self.ring.btf) as ring:
                while True:
                    ended = over()
                    with ring.batch(BATCH, timeout=0.01) as batch:
                        read += len(batch)
                        use(batch)
                        if ended and not batch:
                            return read, float(time.thread_time_ns() - start)

        return consume

    def fastest(self, consume: Callable[[Callable[[], bool]], tuple[int, float]]) -> tuple[int, float]:
        """The highest rate of RATES without loss in five runs of five, and CPU time for an event there."""
        best, cost = 0, 0.0
        for rate in RATES:
            runs = [self.produce(rate, consume) for _ in range(3)]
            if any(run.lost for run in runs):
                break
            best = int(statistics.median(run.made for run in runs) / (self.duration_ns / 1e9))
            cost = statistics.median(run.cpu_ns / max(1, run.read) for run in runs)
            if best < 0.9 * rate:  # the producer cannot make more
                break
        return best, cost


def rows(setting: Setting) -> list[Row]:
    """Rate, cost and latency."""
    with setting.spec("ring").load() as probe:
        bench = Bench(setting, probe)
        c_rate, c_cost = bench.fastest(bench.c)
        plain = bench.python(lambda batch: sum(batch.column("number")) if batch else 0)
        plain_rate, plain_cost = bench.fastest(plain)
        found = [
            Row(
                "highest rate without loss, batches, no numpy",
                "libbpf C",
                c_rate / 1e6,
                plain_rate / 1e6,
                "≥ 0.8 (rate)",
                "M/s",
            ),
            Row("CPU time an event at that rate, no numpy", "libbpf C", c_cost, plain_cost),
        ]
        try:
            import numpy  # noqa: F401, ICN001 - asked for by its users below
        except ImportError:
            return [*found, *_latency(setting, bench)]
        ours = bench.python(lambda batch: int(batch.to_numpy()["number"].sum()) if batch else 0)
        rate, cost = bench.fastest(ours)
        found += [
            Row(
                "highest rate without loss, batches, numpy",
                "libbpf C",
                c_rate / 1e6,
                rate / 1e6,
                "≥ 0.8 (rate)",
                "M/s",
            ),
            Row("CPU time an event at that rate, numpy", "libbpf C", c_cost, cost),
        ]
        lossy = bench.produce(20 * RATES[-1], _slow(ours))
        found.append(
            Row(
                "above the limit, slow reader: made = read + lost",
                "made",
                lossy.made / 1e6,
                (lossy.read + lossy.lost) / 1e6,
                "= 1 exactly",
                "M",
            )
        )
        return [*found, *_latency(setting, bench)]


def _slow(
    consume: Callable[[Callable[[], bool]], tuple[int, float]],
) -> Callable[[Callable[[], bool]], tuple[int, float]]:
    """A reader that begins late, so that the buffer runs full."""

    def late(over: Callable[[], bool]) -> tuple[int, float]:
        while not over():
            time.sleep(0.01)
        return consume(over)

    return late


def _latency(setting: Setting, bench: Bench) -> list[Row]:
    """From the event's time stamp to the reader that slept, one event at a time."""
    room = 4096
    memory = (ctypes.c_uint64 * room)()

    def in_c(over: Callable[[], bool]) -> tuple[int, float]:
        to, stop = Latencies(0, room, ctypes.addressof(memory)), ctypes.c_int(0)
        watch = threading.Thread(
            target=setting.peer.ring_latency,
            args=(bench.ring.fileno(), ctypes.byref(stop), ctypes.byref(to)),
        )
        watch.start()
        while not over():
            time.sleep(0.01)
        time.sleep(0.05)
        stop.value = 1
        watch.join()
        return to.count, statistics.median(memory[: to.count])

    late: list[int] = []

    def note(batch: Any) -> int:
        if batch:
            now = time.monotonic_ns()
            late.extend(now - made for made in batch.column("time"))
        return 0

    def ours(over: Callable[[], bool]) -> tuple[int, float]:
        late.clear()
        read, _ = bench.python(note)(over)
        return read, statistics.median(late)

    def once(consume: Callable[[Callable[[], bool]], tuple[int, float]]) -> Callable[[], float]:
        return lambda: bench.produce(_LATE_RATE, consume).cpu_ns / 1e3

    c, python = setting.turns(once(in_c), once(ours))
    return [Row("wake-up latency, median", "libbpf C", c, python, "", "µs")]
