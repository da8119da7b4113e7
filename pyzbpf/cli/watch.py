"""Reading every buffer of a loaded object until enough: what `run` and `demo` share."""

from __future__ import annotations

import math
import select
import signal
import sys
import time

from pyzbpf.events.stream import ShortEvent, Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from typing_extensions import Self

    from pyzbpf.links.iterator import IteratorLink
    from pyzbpf.runtime.object import Object

_READ = ("iter", "iter.s")
# How long one wait lasts at most: a probe may send without waking the reader (BPF_RB_NO_WAKEUP), and a signal
# sets a flag only.
_ROUND_S = 0.1
_BATCH = 4096
# A record that a program is still writing keeps the buffer readable.
_BUSY_PAUSE_S = 0.0005
# A program may still run on another CPU when its link is gone (the kernel waits for nobody).
_GRACE_S = 0.05
# How often to look whether a check of safe mode has failed.
_LOOK_S = 0.25
_GONE = select.POLLERR | select.POLLHUP if sys.platform != "win32" else 0
_SIGNALS = (signal.SIGINT, signal.SIGTERM) + ((signal.SIGHUP,) if sys.platform != "win32" else ())


class Stop:
    """Within ``with``: the first SIGINT, SIGTERM or SIGHUP sets ``requested``, the second raises an exception.

    So all that is attached is detached in any case. A signal that is ignored stays ignored (``nohup``, ``&`` in a
    script). ``exit_code`` is 0 at an ordinary end, of which Ctrl-C is one, else 128 and the signal's number.
    """

    def __init__(self) -> None:
        self.requested = False
        self.exit_code = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._request)
        return self

    def _request(self, number: int, _: object) -> None:
        if number != signal.SIGINT:
            self.exit_code = 128 + number
        if self.requested:
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(self.exit_code)
        self.requested = True

    def __exit__(self, *_: object) -> None:
        while self._before:
            signal.signal(*self._before.popitem())


def buffers(probe: Object) -> list[Stream]:
    """The ring and perf buffers of an object."""
    return [map for map in probe.maps.values() if isinstance(map, Stream)]


def watch(
    probe: Object,
    stop: Stop,
    *,
    count: int | None = None,
    duration_s: float | None = None,
    before_round: Callable[[], None] | None = None,
) -> Iterator[tuple[Stream, list[Any] | ShortEvent]]:
    """Batches of events as they come, then those that were left when the programs were detached.

    Ends after ``count`` events (what is left then stays unread), after ``duration_s`` seconds or when ``stop``
    is requested. An event that cannot be decoded comes as the error that says why. Raises BrokenPipeError when
    nobody reads standard output any more, also while there is nothing to write.
    """
    streams = buffers(probe)
    end = None if duration_s is None else time.monotonic() + duration_s
    seen = 0
    wait = _waiter([stream.open().fileno() for stream in streams])
    while not stop.requested:
        if before_round is not None:
            before_round()
        left_s = _ROUND_S if end is None else min(_ROUND_S, end - time.monotonic())
        if left_s <= 0:
            break
        ready, before = wait(left_s), seen
        for stream, batch in _round(streams, _BATCH):
            kept = batch if count is None or isinstance(batch, ShortEvent) else batch[: count - seen]
            seen += 1 if isinstance(kept, ShortEvent) else len(kept)
            yield stream, kept
            if seen == count:
                return
        if ready and seen == before:
            time.sleep(_BUSY_PAUSE_S)
    detach(probe)
    time.sleep(_GRACE_S)
    while True:
        last = list(_round(streams, _BATCH))
        yield from last
        if not last:
            return


def first_failure(probe: Object, tell: Callable[[str], None]) -> Callable[[], None]:
    """A function for each round of `watch`, which tells of the first check of safe mode that has failed, once."""
    due_s = 0.0 if probe.spec.traps else math.inf

    def look() -> None:
        nonlocal due_s
        now_s = time.monotonic()
        if now_s < due_s:
            return
        due_s = now_s + _LOOK_S
        traps = probe.traps
        if traps:
            due_s = math.inf
            tell(
                f"{traps[0].spec.describe(traps[0].operands)}; how often, and what else failed, is told at the end"
            )

    return look


def iterators(probe: Object) -> list[IteratorLink]:
    """The links that are read."""
    return [link for link in probe.links if link.kind in _READ]  # type: ignore[misc]


def detach(probe: Object) -> None:
    """Detach all programs that run by themselves; maps, buffers and iterators stay."""
    for link in reversed(probe.links):
        if link.kind not in _READ:
            link.detach()


def _round(streams: Sequence[Stream], limit: int) -> Iterator[tuple[Stream, list[Any] | ShortEvent]]:
    """What each of the buffers holds now, without waiting; those that hold nothing are left out."""
    for stream in streams:
        try:
            batch: list[Any] | ShortEvent = stream.read(limit, timeout=0)
        except ShortEvent as error:
            batch = error
        if batch:
            yield stream, batch


def _waiter(descriptors: Sequence[int]) -> Callable[[float], bool]:
    """A function that waits for events, so many seconds at most; whether there may be one."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    reader = _descriptor_of_stdout()
    if reader is not None and reader not in descriptors:
        poll.register(reader, 0)  # the kernel tells of its errors all the same

    def wait(timeout_s: float) -> bool:
        found = poll.poll(timeout_s * 1000)
        if any(descriptor == reader and events & _GONE for descriptor, events in found):
            raise BrokenPipeError
        return bool(found)

    return wait


def _descriptor_of_stdout() -> int | None:
    try:
        return None if sys.stdout is None else sys.stdout.fileno()
    except (OSError, ValueError):  # something that is no file stands in its place
        return None
