"""What ring and perf buffers share: waiting, typed events, `for` and `async for`.

An event is taken from the kernel's memory in batches. A batch and the position behind it become the
stream's state by one assignment, and only then is the memory given back: a Ctrl-C at any point
leaves either the old state or the new one, so no event is lost or seen twice. Decoded events that
were not handed out yet stay in the stream for who reads next. Handing out is a step without a call,
for the interpreter looks for a signal at calls and jumps.
"""

from __future__ import annotations

import _thread
import os
import select
import struct
import time

from pyzbpf.btf import codec
from pyzbpf.btf.types import ARRAY
from pyzbpf.errors import Error
from pyzbpf.kernel.fd import Fd
from pyzbpf.maps.base import KernelMap, check_timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from typing_extensions import Self

    from pyzbpf.btf.decode import Btf
    from pyzbpf.spec.model import MapSpec

    Decoder = Callable[[bytes], Any]

# How many a loop decodes at once: fewer than the collector of cyclic garbage lets grow before it looks at them all.
_BATCH = 512
_ALL = 1 << 62

# How long to look away from a record that a program is still writing: the kernel reports the
# buffer as readable all the time.
_BUSY_PAUSE = 0.0005


class ShortEvent(Error):
    """An event that could not be decoded: raised by the read that meets it, and the next one goes on behind."""


class State:
    """Positions read up to, events decoded, of which the first ``given`` were handed out, samples lost so far.

    ``broken`` says that there may be a ShortEvent among the events.
    """

    __slots__ = ("broken", "given", "lost", "positions", "ready")

    def __init__(self, positions: list[int], ready: list[Any], lost: int, *, broken: bool = False) -> None:
        self.positions = positions
        self.ready = ready
        self.given = 0
        self.lost = lost
        self.broken = broken

    @property
    def left(self) -> int:
        """How many events were not handed out yet."""
        return len(self.ready) - self.given

    def put_back(self, events: list[Any]) -> None:
        """Events that were handed out to somebody who did not get them."""
        self.ready[: self.given] = events
        self.given = 0


def check_limits(what: str, max_events: Any = None, timeout: Any = None) -> None:
    """Refuse what is no number of events or no time to wait; ``what`` is the buffer's name, for the error."""
    if max_events is not None and not (isinstance(max_events, int) and max_events >= 0):
        raise Error(f"buffer '{what}': max_events is a number of events or None for all, not {max_events!r}")
    check_timeout(what, timeout)


class Stream(KernelMap):
    """A buffer of events: iterable, async-iterable, with `read` and a descriptor to wait for.

    Events are decoded by the type the probe declares for the buffer; without one they are bytes.
    `for event in stream` waits for ever, and ends when the stream is closed meanwhile. One thread or task
    reads at a time; any other, and a signal handler, may close. To begin to read what is closed, and has
    nothing left, is a ValueError: a loop around `read` would else turn for ever without a pause.
    """

    __slots__ = (
        "_busy", "_closed", "_decode", "_lock", "_poll", "_sleepers", "_state", "_waiter", "_wake", "btf",
        "is_mixed", "types",
    )  # fmt: skip

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd)
        self.btf = btf
        self._decode: Decoder | None = None
        # Whether records may have several types or lengths, so that each is decoded by itself.
        self.is_mixed = False
        # BTF ids of the types that events may have; none where they are bytes.
        self.types: list[int] = [spec.event_type] if btf is not None and spec.event_type else []
        if btf is not None and spec.event_type:
            self.is_mixed = spec.event_is_tagged or _ends_open(btf, spec.event_type)
            if spec.event_is_tagged:
                from pyzbpf.events.variants import tagged_decoder, tagged_types

                self._decode = tagged_decoder(btf, spec.event_type)
                self.types = tagged_types(btf, spec.event_type)
            elif self.is_mixed:
                from pyzbpf.events.variants import tail_decoder

                self._decode = tail_decoder(btf, spec.event_type)
            self._decode = self._decode or codec.decoder(btf, spec.event_type)
        # Reentrant, for a signal handler may close the stream while this thread reads it.
        self._lock = _thread.RLock()
        self._state = State([], [], 0)
        self._poll: select.epoll | None = None
        self._wake: Fd | None = None
        self._busy = False
        self._sleepers = 0
        self._waiter: Any = None
        self._closed = False

    def variants(self, tag: str, types: Mapping[int, str]) -> Self:
        """Take each event as the struct that its tag stands for, from now on; gives the stream back.

        ``tag`` is a member of the declared event type (``a.b`` of an inner struct), ``types`` says for its values the
        names of structs in the object: ``events.variants("kind", {1: "Open", 2: "Close"})``. Each may have a length
        of its own; events with other tags are taken as the declared type.
        """
        from pyzbpf.events.variants import by_tag, named

        if self.btf is None or not self.spec.event_type:
            raise Error(
                f"buffer '{self.name}': the probe declares no type for its events, so they have no members"
            )
        given: Any = types
        if not (
            hasattr(given, "items")
            and all(isinstance(value, int) and isinstance(name, str) for value, name in given.items())
        ):
            raise Error(
                f"buffer '{self.name}': types are the names of structs by the tag's numbers, {{1: 'Open'}}, not {types!r}"
            )
        self._decode = by_tag(self.btf, self.spec.event_type, tag, types, f"'{self.name}'")
        self.types = [
            self.spec.event_type,
            *(named(self.btf, name, f"'{self.name}'") for name in types.values()),
        ]
        self.is_mixed = True
        return self

    # -- what a kind of buffer says -------------------------------------------------------------

    def open(self) -> Self:
        """Map the kernel's memory; done by the first read at the latest. Opening again does nothing."""
        raise NotImplementedError

    def _collect(self, state: State, limit: int) -> State:
        """The state after taking up to about ``limit`` events; they are decoded, the oldest first."""
        raise NotImplementedError

    def _release(self, state: State) -> None:
        """Give the memory before the state's positions back to the kernel."""
        raise NotImplementedError

    def _sources(self) -> list[int]:
        """Descriptors that are readable when there are events."""
        raise NotImplementedError

    def _unmap(self) -> None:
        raise NotImplementedError

    @property
    def lost(self) -> int:
        """How many events did not fit into the buffer."""
        raise NotImplementedError

    # -- reading --------------------------------------------------------------------------------

    def read(self, max_events: int | None = None, timeout: float | None = None) -> list[Any]:
        """The events that are there, oldest first; waits for the first one.

        At most ``max_events`` of them; an empty list after ``timeout`` seconds (0: do not wait,
        None: wait for ever) or when the stream is closed meanwhile.
        """
        self._check_open()
        check_limits(self.name, max_events, timeout)
        limit = _ALL if max_events is None else max_events
        deadline = None if timeout is None else time.monotonic() + timeout
        taken: list[Any] = []
        try:
            while limit > 0:
                self._take(taken, limit)
                if taken or self._closed:
                    break
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    break
                # What a filled buffer would give beyond the limit is in the way of a batch.
                self._wait(left, lambda: self._fill(limit))
            return taken
        except BaseException:
            # An interrupt after the events left the stream and before the caller has them.
            self._state.put_back(taken)
            raise

    def _take(self, taken: list[Any], limit: int) -> None:
        """Move to ``taken`` what was decoded before, then what one look at the kernel's memory gives."""
        self._move(taken, limit)
        if len(taken) < limit and not self._state.left and self._fill(limit):
            self._move(taken, limit - len(taken))

    def _move(self, taken: list[Any], limit: int) -> None:
        """Move decoded events up to the first broken one, which is raised where it is the first."""
        state = self._state
        ready, given = state.ready, state.given
        part = ready[given : given + limit]
        if state.broken:
            broken = next((place for place, event in enumerate(part) if type(event) is ShortEvent), len(part))
            del part[broken:]
            if not (part or taken or given == len(ready)):
                state.given = given + 1
                raise ready[given]
        rest = State(state.positions, ready[given + len(part) :], state.lost, broken=state.broken)
        # No call between the two, so no interrupt.
        taken += part
        self._state = rest

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def _check_open(self) -> None:
        """For the first step of a call or loop: one that is under way ends without an exception."""
        if self._closed and not self._state.left:
            raise ValueError(f"buffer '{self.name}' is closed")

    def _check_none_decoded(self) -> None:
        """Batches and arrays take what is in the kernel's memory; what `for` has decoded comes first."""
        left = self._state.left
        if left:
            raise Error(
                f"buffer '{self.name}' has decoded {left} of its events already, by `for` or `read`, "
                "and they come first: take them with read(timeout=0), then read batches or arrays"
            )

    def __iter__(self) -> Iterator[Any]:
        self._check_open()  # here, not in the generator: that one runs first when an event is asked for
        return self._events()

    def _events(self) -> Iterator[Any]:
        while True:
            state = self._state
            # Counted and handed over without a call in between.
            for state.given, event in enumerate(state.ready[state.given :], state.given + 1):  # noqa: B020 - it is its count
                if state.broken and type(event) is ShortEvent:
                    raise event
                yield event
                if self._state is not state:  # somebody else has read
                    break
            else:
                if state.ready:  # not alive beside the next ones
                    self._state = State(state.positions, [], state.lost)
            del state
            if not self._fill():
                if self._closed:
                    return
                self._wait(None, self._fill)

    def _next(self) -> Any:
        state = self._state
        event = state.ready[state.given]
        state.given += 1
        if type(event) is ShortEvent:
            raise event
        return event

    def _fill(self, limit: int = _BATCH) -> bool:
        """Take a batch from the kernel; whether there is an event now."""
        with self._lock:
            self._busy = True
            try:
                if self._state.left:
                    return True
                if self._closed:
                    return False
                self.open()
                state = self._collect(self._state, limit)
                self._state = state  # the one step by which the batch is ours
                self._release(state)
                return state.left > 0
            finally:
                self._busy = False
                self._finish_late()

    def _decoded(self, positions: list[int], payloads: list[bytes], lost: int) -> State:
        """The state with these events, decoded."""
        decode = self._decode
        if decode is None:
            return State(positions, payloads, lost)
        try:
            return State(positions, [decode(payload) for payload in payloads], lost)
        except struct.error:
            return State(positions, [self._one(decode, payload) for payload in payloads], lost, broken=True)

    def _one(self, decode: Decoder, payload: bytes) -> Any:
        try:
            return decode(payload)
        except struct.error as error:
            return ShortEvent(
                f"an event of {len(payload)} bytes in '{self.name}' is shorter than the type the probe declares for "
                f"it ({error}); all that a program sends into one buffer must be of its type. Reading goes on behind it"
            )

    # -- waiting --------------------------------------------------------------------------------

    def fileno(self) -> int:
        """A descriptor that is readable when there are events: for select, poll, epoll, event loops."""
        raise NotImplementedError

    def _epoll(self) -> select.epoll:
        """One descriptor for all sources, and for close() to wake up who waits."""
        if self.fd.closed:
            raise ValueError(f"buffer '{self.name}' is closed")
        if self._poll is None:
            self.open()
            if self._wake is None:
                self._wake = Fd(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK), f"wake-up of '{self.name}'")
            poll = select.epoll()  # close-on-exec by itself
            poll.register(self._wake, select.EPOLLIN)
            for source in self._sources():
                poll.register(source, select.EPOLLIN)
            self._poll = poll
        return self._poll

    def _wait(self, timeout: float | None, look: Callable[[], bool]) -> None:
        """Sleep until there may be an event, the time is over or the stream is closed; ``look`` says if there is one."""
        with self._lock:
            self._sleepers += 1
        try:
            poll = self._ready_to_sleep()
            found = poll.poll(timeout) if poll is not None else []
        finally:
            with self._lock:
                self._sleepers -= 1
                self._finish_late()
        if found and not look() and not self._closed:
            time.sleep(_BUSY_PAUSE)

    def _ready_to_sleep(self) -> select.epoll | None:
        """What to wait with; None where the stream is closed, by a signal handler in here, too."""
        with self._lock:
            self._busy = True
            try:
                poll = None if self._closed else self._epoll()
            finally:
                self._busy = False
                self._finish_late()
            # A close() before the wake-up was made has woken nobody; after it, poll() finds it there.
            return None if self._closed else poll

    def __aiter__(self) -> Self:
        self._check_open()
        return self

    async def __anext__(self) -> Any:
        import asyncio

        while not self._state.left:
            if self._fill():
                await asyncio.sleep(0)  # a busy buffer must not keep the loop's other tasks from running
                continue  # another task may have taken them
            if self._closed:
                raise StopAsyncIteration
            await self._readable(asyncio.get_running_loop())
            if not self._fill():
                await asyncio.sleep(_BUSY_PAUSE)
        return self._next()

    async def _readable(self, loop: Any) -> None:
        if self._waiter is not None:
            raise Error(f"two tasks wait for '{self.name}'; read it in one task and hand the events on")
        self._waiter = waiter = loop.create_future()
        try:
            with self._lock:
                self._busy = True
                try:
                    if self._closed:
                        return
                    source = self.fileno()
                    loop.add_reader(source, _wake_up, waiter)
                finally:
                    self._busy = False
                    self._finish_late()
            try:
                await waiter
            finally:
                loop.remove_reader(source)
        finally:
            self._waiter = None

    # -- end ------------------------------------------------------------------------------------

    def close(self) -> None:
        """End all reading and give everything back; what was decoded already can still be read."""
        self._closed = True
        if self._waiter is not None:
            self._waiter.get_loop().call_soon_threadsafe(_wake_up, self._waiter)
        with self._lock:
            if self._wake is not None and not self._wake.closed:
                os.eventfd_write(self._wake.fileno(), 1)
            # A signal handler may come here in the middle of a step: that one unmaps when it is done.
            if not self._busy:
                self._finish()

    def _finish_late(self) -> None:
        if self._closed:
            self._finish()

    def _finish(self) -> None:
        self._unmap()
        super().close()
        # Who still sleeps must find the wake-up there when it comes to run; the last one closes.
        if not self._sleepers:
            if self._poll is not None:
                self._poll.close()
            if self._wake is not None:
                self._wake.close()


def _ends_open(btf: Btf, type_id: int) -> bool:
    """Whether the type is a struct with an array without a length at its end."""
    _, found = btf.resolve(type_id)
    if found is None or not found.members:
        return False
    _, last = btf.resolve(found.members[-1].type)
    return last is not None and last.kind == ARRAY and not last.count


def _wake_up(waiter: Any) -> None:
    if not waiter.done():
        waiter.set_result(None)
