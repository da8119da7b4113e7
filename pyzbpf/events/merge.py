"""Several buffers as one, in the order of time."""

from __future__ import annotations

import select
import time
from bisect import bisect_left
from operator import attrgetter

from pyzbpf.btf import columns
from pyzbpf.errors import Error
from pyzbpf.events.stream import Stream, check_limits
from pyzbpf.maps.base import KernelMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from typing import Any

# How long to wait at once: a probe may send without waking the reader.
_ROUND_S = 0.1
# The kernel's clocks count nanoseconds in 63 bits.
_MOST_DELAY_S = 1e9


class Merged:
    """Events of several ring and perf buffers, and of all CPUs of a perf buffer, ordered by a member that is a time.

    A program takes the time before it sends, and buffers are read one after the other: so an event is held back until it
    is ``delay`` seconds old, and what was sent within that time of being stamped comes in order. One that comes
    still later is given at once, and counted in ``late``. The member, a number of every type of event (``a.b``: b of the
    inner struct a), holds nanoseconds of ``clock``:
    CLOCK_MONOTONIC is that of bpf_ktime_get_ns, CLOCK_BOOTTIME that of bpf_ktime_get_boot_ns.

    The buffers stay their owners'; nobody else reads them meanwhile. What is held back stays here, also after Ctrl-C
    and after a loop that was left. There is no ``fileno()``: what is held back comes of age by time alone, of which no
    buffer's descriptor tells. Error for what is no buffer, for one that is given twice, for a member that is no number.
    """

    # Events go from ``_arrived`` to ``_held`` to ``_ready``, from each to the next by one assignment: the interpreter
    # handles signals at calls and jumps back, so an interrupt finds every event in exactly one of them.
    __slots__ = (
        "_arrived", "_clock", "_count", "_delay_ns", "_given", "_held", "_key", "_ready", "_streams", "late",
    )  # fmt: skip

    def __init__(
        self,
        streams: Iterable[Stream],
        time: str = "time",
        *,
        delay: float = 0.01,
        clock: int = time.CLOCK_MONOTONIC,
    ) -> None:
        self._streams = _checked(streams)
        _check(time, delay, clock)
        for stream in self._streams:
            for type_id in stream.types or [0]:
                columns.member(stream.btf, type_id, time, f"an event of '{stream.name}'")
        self._key = attrgetter(time)
        self._delay_ns = int(delay * 1e9)
        self._clock = clock
        self._arrived: list[Any] = []  # as the buffers gave them
        self._held: list[tuple[int, int, Any]] = []  # time, number, event; in that order
        self._ready: list[Any] = []  # those whose turn has come, the next one at the end
        self._count = 0
        self._given = 0
        self.late = 0

    @property
    def lost(self) -> int:
        """How many events did not fit into the buffers, of all together."""
        return sum(stream.lost for stream in self._streams)

    def read(self, max_events: int | None = None, timeout: float | None = None) -> list[Any]:
        """The events whose turn has come, at most ``max_events``; waits up to ``timeout`` seconds for the first.

        A timeout of 0 does not wait, None waits for ever. When all buffers are closed, everything that was held back,
        and then an empty list.
        """
        check_limits("merged", max_events, timeout)
        if max_events != 0:
            self._fill(timeout)
        count = len(self._ready) if max_events is None else max_events
        # No call between the two, so no interrupt.
        taken = self._ready[: -count - 1 : -1]
        del self._ready[max(0, len(self._ready) - count) :]
        return taken

    def __iter__(self) -> Iterator[Any]:
        while self._fill(None):
            while self._ready:
                event = self._ready[-1]
                del self._ready[-1]  # pop() would be a call, behind which an interrupt loses the event
                yield event

    async def __aiter__(self) -> AsyncIterator[Any]:
        import asyncio

        while True:
            # Looked at first: what came before the last buffer was closed is to be given.
            is_open = self._open()
            if not self._look():
                if not is_open:
                    return
                await self._wait_async()
            while self._ready:
                yield self._ready.pop()
            await asyncio.sleep(0)  # busy buffers must not keep the loop's other tasks from running

    def _open(self) -> bool:
        return any(not stream.closed for stream in self._streams)

    def _fill(self, timeout: float | None) -> bool:
        """Wait until there is an event whose turn has come; whether there is one."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            is_open = self._open()
            left = _ROUND_S if deadline is None else deadline - time.monotonic()
            if self._look():
                return True
            if not is_open or left <= 0:
                return False
            self._wait(min(left, _ROUND_S))

    def _look(self) -> bool:
        """Take what is in the buffers and move what is old enough to those that are ready."""
        if not self._ready:
            # Before the buffers are looked at: what is not seen now is stamped later than this, less the delay.
            seen_ns = time.clock_gettime_ns(self._clock)
            self._collect()
            self._hold_back()
            self._move_due(seen_ns - self._delay_ns if self._open() else 1 << 64)
        return bool(self._ready)

    def _collect(self) -> None:
        for stream in self._streams:
            if not stream.closed:
                self._arrived += stream.read(timeout=0)

    def _hold_back(self) -> None:
        """Move what has arrived to its places among those that are held back."""
        if not self._arrived:
            return
        arrived = [
            (self._key(event), number, event) for number, event in enumerate(self._arrived, self._count)
        ]
        late = self.late + sum(stamp < self._given for stamp, _, _ in arrived)
        count = self._count + len(arrived)
        held = sorted(
            self._held + arrived
        )  # mostly in order already, which takes little more than a look at each
        self._held, self._arrived, self._count, self.late = held, [], count, late

    def _move_due(self, until_ns: int) -> None:
        """Move those of up to that time to those that are ready."""
        place = bisect_left(self._held, (until_ns + 1,))
        if place:
            ready = [event for _, _, event in reversed(self._held[:place])]
            given, held = self._held[place - 1][0], self._held[place:]
            self._ready, self._given, self._held = ready, given, held

    def _poll(self) -> select.epoll:
        """What is readable when one of the buffers is."""
        poll = select.epoll()
        for stream in self._streams:
            if not stream.closed:
                poll.register(stream.fileno(), select.EPOLLIN)
        return poll

    def _wait(self, timeout: float) -> None:
        if self._held:  # the oldest comes of age by itself
            time.sleep(min(timeout, self._delay_ns / 1e9))
            return
        with self._poll() as poll:
            poll.poll(timeout)

    async def _wait_async(self) -> None:
        import asyncio

        if self._held:
            await asyncio.sleep(min(_ROUND_S, self._delay_ns / 1e9))
            return
        loop = asyncio.get_running_loop()
        with self._poll() as poll:
            readable = asyncio.Event()
            loop.add_reader(poll.fileno(), readable.set)
            waiting = loop.create_task(readable.wait())
            try:
                await asyncio.wait([waiting], timeout=_ROUND_S)
            finally:
                waiting.cancel()
                loop.remove_reader(poll.fileno())


def _checked(streams: Any) -> list[Stream]:
    """The buffers to merge; a buffer itself can be iterated, too, and would never end."""
    if isinstance(streams, KernelMap) or not hasattr(streams, "__iter__"):
        raise Error(f"merged: a list of buffers is wanted, Merged([a, b]), not {streams!r}")
    found = list(streams)
    if not found:
        raise Error("merged: the list of buffers is empty")
    for place, stream in enumerate(found):
        if not isinstance(stream, Stream):
            raise Error(f"merged: only ring and perf buffers can be merged, not {stream!r}")
        if any(stream is other for other in found[:place]):
            raise Error(f"merged: buffer '{stream.name}' is given twice")
    return found


def _check(member: Any, delay: Any, clock: Any) -> None:
    if not isinstance(member, str):
        raise Error(f"merged: time is the name of a member of the events, not {member!r}")
    if not (isinstance(delay, (int, float)) and 0 <= delay < _MOST_DELAY_S):
        raise Error(f"merged: delay is a number of seconds from 0, not {delay!r}")
    try:
        time.clock_gettime_ns(clock)
    except (OSError, TypeError, OverflowError):
        raise Error(f"merged: clock is a number of a clock, as time.CLOCK_MONOTONIC, not {clock!r}") from None
