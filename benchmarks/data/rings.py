"""Ring buffers: the same records drained by libbpf in C and by each way of Python."""

from __future__ import annotations

import ctypes
import os
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

from benchmarks.data.setting import HERE, PACKET, Peer, Row, Setting, clock, with_headers
from pyzbpf.events.ring_buffer import RingBuffer
from pyzbpf.kernel.fd import Fd

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 32768  # as `batch` takes where nothing else is said
LIST = 16384


class Ring:
    """A ring, the program that fills it, and how many records a drain has."""

    def __init__(self, setting: Setting, probe: Any, name: str, program: str, count: int) -> None:
        self.setting, self.map, self.count = setting, probe.maps[name], count
        self.program, self.number = probe.programs[program], probe.variables["number"]

    def fill(self) -> int:
        """Put the records in; the sum of the numbers that a reader must find."""
        before = self.number.value
        self.program.test_run(PACKET, repeat=self.count)
        after = self.number.value
        step = 8 if self.program.name == "discarding" else 1 << 62
        return sum(number for number in range(before + 1, after + 1) if number % step)

    def reader(self) -> RingBuffer:
        """A reader that begins where the last one ended, whoever that was."""
        return RingBuffer(self.map.spec, Fd(os.dup(self.map.fileno()), "ring"), self.map.btf).open()

    def c(self) -> float:
        """Libbpf with a C callback: nanoseconds a record."""
        wanted = self.fill()
        result = self.setting.call("ring_drain", self.map.fileno())
        check(result.sum, wanted)
        return float(result.ns) / self.count

    def python(self, drain: Callable[[RingBuffer], int]) -> Callable[[], float]:
        """A way of Python, which gives the sum: nanoseconds a record."""

        def measure() -> float:
            wanted = self.fill()
            with self.reader() as reader:
                start = clock()
                found = drain(reader)
                took = clock() - start
            check(found, wanted)
            return took / self.count

        return measure


def check(found: int, wanted: int) -> None:
    """No event is lost or doubled."""
    if found != wanted:
        raise SystemExit(f"a sum of {found}, not {wanted}: events were lost or doubled")


def batches(use: Callable[[Any], int], most: int = BATCH) -> Callable[[RingBuffer], int]:
    """All batches that are there."""

    def drain(ring: RingBuffer) -> int:
        total = 0
        while True:
            with ring.batch(most, timeout=0) as batch:
                if not batch:
                    return total
                total += use(batch)

    return drain


def _tuples(batch: Any) -> int:
    total = 0
    for number, _, _ in batch.tuples("number", "time", "pid"):
        total += number
    return total


def _objects(count: int) -> Callable[[RingBuffer], int]:
    """One after the other, as they come."""

    def drain(ring: RingBuffer) -> int:
        total = 0
        for event in islice(ring, count):
            total += event.number
        return total

    return drain


def _lists(ring: RingBuffer) -> int:
    total = 0
    while True:
        events = ring.read(LIST, timeout=0)
        if not events:
            return total
        for event in events:
            total += event.number


def _tuple_callbacks(ring: RingBuffer) -> int:
    total = 0

    def callback(event: tuple[int, int, int]) -> None:
        nonlocal total
        total += event[0]

    def use(batch: Any) -> int:
        for event in batch.tuples("number", "time", "pid"):
            callback(event)
        return 0

    batches(use)(ring)
    return total


def _ctypes(setting: Setting, fd: int) -> int:
    """As BCC does: libbpf calls a Python function for each record, which makes a ctypes struct of it."""
    peer = setting.peer
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    total = 0

    class Event(ctypes.Structure):
        _fields_ = (("number", ctypes.c_uint64), ("time", ctypes.c_uint64), ("pid", ctypes.c_uint32))

    def callback(_: Any, data: Any, __: Any) -> int:
        nonlocal total
        event = ctypes.cast(data, ctypes.POINTER(Event)).contents
        total += event.number
        return 0

    held = kind(callback)
    peer.ring_buffer__new.restype = ctypes.c_void_p
    ring = ctypes.c_void_p(peer.ring_buffer__new(fd, held, None, None))
    peer.ring_buffer__consume(ring)
    peer.ring_buffer__free(ring)
    return total


def rows(setting: Setting) -> list[Row]:
    """All rows of drained rings."""
    count = int(200_000 * setting.scale)
    found: list[Row] = []
    with setting.spec("ring").load() as probe:
        ring = Ring(setting, probe, "events", "uniform", count)
        found += _without_numpy(ring, setting)
        mixed = Ring(setting, probe, "sizes", "mixed", count)
        found += _other_libraries(setting, ring)
        c, plain = setting.turns(mixed.c, mixed.python(batches(lambda batch: sum(batch.column("number")))))
        found.append(Row("mixed sizes, column without numpy", "libbpf C", c, plain, "≤ 40"))
        try:
            import numpy  # noqa: F401, ICN001 - from here on the reader finds it
        except ImportError:
            return found
        found += _with_numpy(ring, mixed, setting)
        discarding = Ring(setting, probe, "events", "discarding", count)
        c, ours = setting.turns(
            discarding.c, discarding.python(lambda ring: int(ring.to_numpy()["number"].sum()))
        )
        found.append(Row("one of 8 discarded, owned numpy", "libbpf C", c, ours))
    return found


def _without_numpy(ring: Ring, setting: Setting) -> list[Row]:
    def by_ctypes() -> float:
        wanted = ring.fill()
        start = clock()
        found = _ctypes(setting, ring.map.fileno())
        took = clock() - start
        check(found, wanted)
        return took / ring.count

    c, column, tuples, objects, lists, calls, peer = setting.turns(
        ring.c,
        ring.python(batches(lambda batch: sum(batch.column("number")))),
        ring.python(batches(_tuples)),
        ring.python(_objects(ring.count)),
        ring.python(_lists),
        ring.python(_tuple_callbacks),
        by_ctypes,
    )
    return [
        Row("64-byte records, one column, no numpy", "libbpf C", c, column, "≤ 5.5"),
        Row("three fields as tuples, no numpy", "libbpf C", c, tuples, "≤ 15"),
        Row("a callback for each tuple", "ctypes callback", peer, calls, "≤ 1/7 = 0.14"),
        Row("a typed object for each event, `for`", "ctypes callback", peer, objects, "≤ 1/3 = 0.33"),
        Row("a typed object for each event, lists by `read`", "ctypes callback", peer, lists),
        Row("a typed object for each event, `for`", "libbpf C", c, objects),
    ]


def _other_libraries(setting: Setting, ring: Ring) -> list[Row]:
    """A typed object for each event, beside libraries of the field; those that do not run here are named."""
    library, count = str(setting.folder / "peer.so"), ring.count // 2
    found: list[Row] = []
    bcc = [
        *with_headers(setting.folder),
        "/usr/bin/python3",
        str(HERE / "with_bcc.py"),
        library,
        str(count),
    ]
    with Peer(bcc) as peer:
        if peer.runs:
            theirs, objects, tuples = setting.turns(
                peer, ring.python(_objects(ring.count)), ring.python(_tuple_callbacks)
            )
            found.append(Row("a typed object for each event, `for`", "BCC", theirs, objects, "≤ 1/3 = 0.33"))
            found.append(Row("a callback for each tuple", "BCC", theirs, tuples, "≤ 1/7 = 0.14"))
        else:
            print(f"(not measured: BCC does not run here: {peer.reason()})")
    path = setting.object("perf")
    with Peer([sys.executable, str(HERE / "with_pylibbpf.py"), library, str(count), str(path)]) as peer:
        if not peer.runs:
            print(f"(not measured: pylibbpf does not run here: {peer.reason()})")
            return found
        with setting.spec("perf").load() as probe:
            events, number = probe.maps["events"].open(4096), probe.variables["number"]

            def ours() -> float:
                before = number.value
                probe.programs["uniform"].test_run(PACKET, repeat=count)
                start = clock()
                total = sum(event.number for event in islice(events, count))
                took = clock() - start
                check(total, sum(range(before + 1, number.value + 1)))
                return took / count

            theirs, mine = setting.turns(peer, ours)
        found.append(Row("a typed object for each event of a perf buffer, `for`", "pylibbpf", theirs, mine))
    return found


def _with_numpy(ring: Ring, mixed: Ring, setting: Setting) -> list[Row]:
    c, view, owned = setting.turns(
        ring.c,
        ring.python(batches(lambda batch: int(batch.to_numpy()["number"].sum()))),
        ring.python(batches(lambda batch: int(batch.to_numpy(copy=True)["number"].sum()))),
    )
    mixed_c, gathered = setting.turns(
        mixed.c, mixed.python(batches(lambda batch: int(batch.to_numpy()["number"].sum())))
    )
    return [
        Row("64-byte records, numpy without a copy", "libbpf C", c, view, "≤ 1.5, aim 1.25"),
        Row("64-byte records, owned numpy", "libbpf C", c, owned, "≤ 2"),
        Row("mixed sizes, numpy", "libbpf C", mixed_c, gathered, "≤ 15"),
    ]
