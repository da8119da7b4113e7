"""Several buffers as one, in the order of time."""

from __future__ import annotations

import heapq
import select
import time
from operator import attrgetter

from pyzbpf.btf import columns
from pyzbpf.events.stream import check_limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from pyzbpf.events.stream import Stream

# How long to wait at once: a probe may send without waking the reader.
_ROUND_S = 0.1


class Merged:
    """Events of several ring and perf buffers, and of all CPUs of a perf buffer, ordered by a member that is a time.

    A program takes the time before it sends, and buffers are read one after the other: so an event is held back until it
    is ``delay`` seconds old, and what was sent within that time of being stamped comes in order. One that comes
    still later is given at once, and counted in ``late``. The member, a number of every type of event (``a.b``: b of the
    inner struct a), holds nanoseconds of ``clock``:
    CLOCK_MONOTONIC is that of bpf_ktime_get_ns, CLOCK_BOOTTIME that of bpf_ktime_get_boot_ns.

    The buffers stay their owners'; nobody else reads them meanwhile. What is held back stays here, also after Ctrl-C.
    """

    __slots__ = ("_clock", "_count", "_delay_ns", "_given", "_held", "_key", "_streams", "late")

    def __init__(
        self,
        streams: Iterable[Stream],
        time: str = "time",
        *,
        delay: float = 0.01,
        clock: int = time.CLOCK_MONOTONIC,
    ) -> None:
        self._streams = list(streams)
        for stream in self._streams:
            for type_id in stream.types or [0]:
                columns.member(stream.btf, type_id, time, f"an event of '{stream.name}'")
        self._key = attrgetter(time)
        self._delay_ns = int(delay * 1e9)
        self._clock = clock
        self._held: list[tuple[int, int, Any]] = []
        self._count = 0
        self._given = 0
        self.late = 0

    def read(self, timeout: float | None = None) -> list[Any]:
        """The events whose turn has come; waits up to ``timeout`` seconds for the first (0: not, None: for ever).

        When all buffers are closed, everything that was held back, and then an empty list.
        """
        check_limits("merged", None, timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            # Before the buffers are looked at: what is not seen now is stamped later than this, less the delay.
            seen_ns = time.clock_gettime_ns(self._clock)
            self._collect()
            taken = self._due(seen_ns - self._delay_ns if self._open() else 1 << 64)
            left = _ROUND_S if deadline is None else deadline - time.monotonic()
            if taken or not self._open() or left <= 0:
                return taken
            self._wait(min(left, _ROUND_S))

    def __iter__(self) -> Iterator[Any]:
        while True:
            events = self.read()
            if not events:
                return
            yield from events

    def _open(self) -> bool:
        return any(not stream.closed for stream in self._streams)

    def _collect(self) -> None:
        for stream in self._streams:
            if stream.closed:
                continue
            for event in stream.read(timeout=0):
                stamp = self._key(event)
                self.late += stamp < self._given
                heapq.heappush(self._held, (stamp, self._count, event))
                self._count += 1

    def _due(self, until_ns: int) -> list[Any]:
        taken: list[tuple[int, int, Any]] = []
        try:
            while self._held and self._held[0][0] <= until_ns:
                taken.append(heapq.heappop(self._held))
        except BaseException:
            for one in taken:
                heapq.heappush(self._held, one)
            raise
        if taken:
            self._given = taken[-1][0]
        return [event for _, _, event in taken]

    def _wait(self, timeout: float) -> None:
        if self._held:  # the oldest comes of age by itself
            time.sleep(min(timeout, self._delay_ns / 1e9))
            return
        poll = select.poll()
        for stream in self._streams:
            if not stream.closed:
                poll.register(stream.fileno(), select.POLLIN)
        poll.poll(timeout * 1000)
