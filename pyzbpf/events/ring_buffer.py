"""Ring buffer maps (Linux 5.8): one buffer for all CPUs, events in the order they were reserved."""

from __future__ import annotations

import sys

from pyzbpf.btf import codec
from pyzbpf.errors import Error
from pyzbpf.events.places import Places
from pyzbpf.events.record import (
    BUSY,
    RING_HEADER,
    chained_records,
    ring_records,
    striped_records,
    uniform_records,
)
from pyzbpf.events.stream import State, Stream
from pyzbpf.kernel.memory import PAGE, RingMemory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from pyzbpf.btf.decode import Btf
    from pyzbpf.events.batch import Batch
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.maps.variables import Variable
    from pyzbpf.spec.model import MapSpec


class LossCount:
    """A variable in which a probe counts what found no room; the last count outlives the probe."""

    __slots__ = ("_last", "_variable")

    def __init__(self, variable: Variable) -> None:
        self._variable: Variable | None = variable
        self._last = 0

    @property
    def value(self) -> int:
        variable = self._variable
        if variable is None:
            return self._last
        try:
            value: Any = variable.value
        except ValueError:
            if self._variable is None:  # closed meanwhile, by another thread
                return self._last
            raise
        if isinstance(value, bytes):  # an object without types
            value = int.from_bytes(value, sys.byteorder)
        return int(value)

    def close(self) -> None:
        """Remember the count, before the memory of the variable goes; again does nothing."""
        try:
            self._last = self.value
        except (Error, ValueError):  # the data map was closed by hand: what is known must do
            pass
        self._variable = None


# From so many records of one length on, taking them as one block pays.
_BLOCK = 8
# From so many bytes on, looking for records of several lengths by arrays pays.
_MANY = 4096


_Batch: type[Batch] | None = None


def _batch(stream: RingBuffer, limit: int | None, timeout: float | None, *, whole: bool = False) -> Batch:
    """A batch; the class is imported by the first one, for an import takes a microsecond each time."""
    global _Batch
    made = _Batch
    if made is None:
        from pyzbpf.events.batch import Batch

        made = _Batch = Batch
    return made(stream, limit, timeout, whole=whole)


class RingBuffer(Stream):
    """A ring buffer; `fileno` is the map's own descriptor, which can be waited for.

    Beside single events it gives batches of records without a copy (`batch`) and arrays (`to_numpy`).
    """

    __slots__ = ("_borrowed", "_counts", "_memory", "_words", "event_size")

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd, btf)
        self._memory: RingMemory | None = None
        self._words: memoryview | None = None
        self._counts: list[LossCount] = []
        self._borrowed: Batch | None = None
        # Bytes of an event by its type; None where the probe declares none.
        self.event_size = btf.size_of(spec.event_type) if btf is not None and spec.event_type else None

    def fileno(self) -> int:
        if self.fd.closed:
            raise ValueError(f"buffer '{self.name}' is closed")
        return self.fd.fileno()

    def open(self) -> Self:
        if self._memory is None:
            if self.fd.closed:
                raise ValueError(f"buffer '{self.name}' is closed")
            # The kernel's number, for the size may have been rounded up to a page.
            size = int(self.info["max_entries"])
            self._memory = RingMemory(self.fd.fileno(), size, what=f"ring buffer '{self.name}'")
            self._words = self._memory.data.cast("I")
            self._state = State([self._memory.consumed()], [], 0)
        return self

    def count_lost_with(self, variable: Variable) -> LossCount:
        """Take `lost` from this global variable; each probe that shares the buffer has one of its own.

        Whoever closes the variable's memory closes the count before.
        """
        count = LossCount(variable)
        self._counts.append(count)
        return count

    def share_counts(self, counts: list[LossCount]) -> None:
        """Take `lost` from counts that others have, too."""
        self._counts = counts

    @property
    def lost(self) -> int:
        """How many events the probe could not send.

        A full ring buffer refuses the reservation in the BPF program, and the kernel keeps no count
        of it. The Zig SDK counts its refusals in a variable of the probe, and any other probe may in a
        global integer ``<name of the map>_lost``; without such a variable this is 0. After closing it is
        the last count.
        """
        return sum(count.value for count in self._counts)

    # -- batches and arrays ---------------------------------------------------------------------

    def batch(self, max_events: int | None = 32768, timeout: float | None = None) -> Batch:
        """Records where they lie in the kernel's memory, for a ``with`` block; waits for the first one.

        At most ``max_events`` (None: all); none after ``timeout`` seconds (0: do not wait, None: wait for ever) or when the
        buffer is closed meanwhile. Leaving the block gives the memory back; leaving it by an exception does not,
        and the next read begins with the same records. Events that were decoded before, by ``for`` or `read`, and
        not handed out must be taken by `read` first.
        """
        return _batch(self, max_events, timeout)

    def to_numpy(self, max_events: int | None = None, timeout: float | None = 0) -> Any:
        """The events that are there as a numpy structured array of its own; waits up to ``timeout`` seconds for one.

        Its fields are the members of the declared type. Events longer than that are cut; ShortEvent, and nothing
        read, where one is shorter. Needs numpy: ``pip install 'pyzbpf[numpy]'``.
        """
        kept: list[Any] = []
        try:
            with _batch(self, max_events, timeout, whole=True) as batch:
                array = batch.to_numpy(copy=True)
                kept.append(batch)
            return array
        except BaseException:
            # An interrupt after the memory was given back and before the caller has the array.
            if kept and kept[0] and self._state.positions == [kept[0].position]:
                self._state.put_back(kept[0].taken())
            raise

    def borrow(self, batch: Batch, limit: int, *, whole: bool) -> tuple[Places, memoryview] | None:
        """Where the next records lie, and the memory; None where there are none. `give_back` must follow.

        All have one length if the first ones have; with ``whole`` only if all that are there have.
        """
        kept = False
        self._lock.acquire()
        try:
            self._check_idle()
            if self._closed:
                return None
            self._busy = True
            memory = self.open()._memory
            assert memory is not None  # open() has made it
            places = self._find(memory, self._state.positions[0], limit, whole=whole)
            if not places.count:
                if places.position != self._state.positions[0]:  # nothing but discarded ones
                    self._state = state = State([places.position], [], 0)
                    self._release(state)
                return None
            memory.fence()  # headers before payloads, see kernel/memory.py
            found = places, memory.data[:]
            kept = True
            self._borrowed = batch
            return found
        finally:
            if not kept:
                self._busy = self._borrowed is not None  # by a batch around this one
                try:
                    self._finish_late()
                finally:
                    self._lock.release()

    def give_back(self, batch: Batch, position: int | None) -> None:
        """End what `borrow` began: everything before ``position`` was read, None: nothing.

        May be called again where an interrupt came in the midst of it.
        """
        if self._borrowed is not batch:
            return
        if position is not None:
            self._state = state = State([position], [], 0)
            self._release(state)
        self._busy = False
        self._finish_late()
        self._borrowed = None  # no interrupt between this and the next
        self._lock.release()

    def wait_for_record(self, timeout: float | None) -> None:
        """Sleep until a whole record may be there, the time is over or the buffer is closed."""
        self._wait(timeout, self._has_record)

    def _has_record(self) -> bool:
        with self._lock:
            memory, words = self._memory, self._words
            if memory is None or words is None:
                return False
            position = self._state.positions[0]
            return position < memory.produced() and not words[(position & (memory.size - 1)) >> 2] & BUSY

    def _check_idle(self) -> None:
        """Refuse to read where two would get in each other's way."""
        borrowed = self._borrowed
        if borrowed is not None and borrowed.abandoned:
            busy = self._busy
            borrowed.leave(KeyboardInterrupt)  # nothing is given back
            self._busy = busy
        elif borrowed is not None:
            raise Error(
                f"a batch of buffer '{self.name}' is open: leave its `with` block before the next read"
            )
        self._check_none_decoded()

    # -- records --------------------------------------------------------------------------------

    def objects(self, data: memoryview, places: Places) -> State:
        """The state behind records, with them as Python objects; those that are too short for their type as ShortEvent."""
        size, btf = self.event_size, self.btf
        if (
            places.stride
            and btf is not None
            and size is not None
            and size <= places.shortest
            and not self.is_mixed
        ):
            decode = codec.records_decoder(
                btf, self.spec.event_type, before=RING_HEADER, stride=places.stride
            )
            return State([places.position], decode(places.of(data)), 0)
        payloads = [
            bytes(data[start : start + length])
            for start, length in zip(places.starts, places.lengths(data), strict=True)
        ]
        return self._decoded([places.position], payloads, 0)

    def _find(self, memory: RingMemory, position: int, limit: int, *, whole: bool) -> Places:
        """The next records, at most ``limit``."""
        words, size, produced = self._words, memory.size, memory.produced()
        assert words is not None  # made with the memory
        numpy = sys.modules.get("numpy")
        count, length = uniform_records(words, size, position, produced, limit, numpy=numpy)
        found = Places(position, position & (size - 1), count, length)
        found.position += count * found.stride
        rest = count < limit and found.position < produced
        if count and not (rest and (whole or count < _BLOCK)):
            return found
        if numpy is not None and produced - position >= _MANY:
            chain = self._chain(memory, position, produced, limit, whole=whole, numpy=numpy)
            if chain is not None:
                return chain
        heads, shortest, position = ring_records(words, size, position, produced, limit)
        if len(heads) == count and position == found.position:  # behind them is one that is not finished
            return found
        return Places.of_each(position, heads, shortest)

    def _chain(
        self, memory: RingMemory, position: int, produced: int, limit: int, *, whole: bool, numpy: Any
    ) -> Places | None:
        """Records of several lengths, or with discarded ones between them, by arrays; None where they must be walked."""
        parts: list[Any] = []
        shortest = 1 << 32
        words = self._words
        assert words is not None  # made with the memory
        while position < produced and limit > 0:
            found = striped_records(words, memory.size, position, produced, limit, numpy=numpy)
            if found[2] - position < min(_MANY, produced - position):
                chain = chained_records(
                    memory.data, memory.size, position, produced, limit, page=PAGE, numpy=numpy
                )
                if chain is None:
                    break
                found = chain
            heads, least, position = found
            if len(heads):
                parts.append(heads)
                shortest = min(shortest, least)
            limit -= len(heads)
            if not whole and parts:
                break
        if not parts or (whole and position < produced and limit > 0):
            return None
        return Places.of_each(position, parts[0] if len(parts) == 1 else numpy.concatenate(parts), shortest)

    def _collect(self, state: State, limit: int) -> State:
        if self._borrowed is not None:
            self._check_idle()
        memory = self._memory
        if memory is None:
            raise Error(f"ring buffer '{self.name}' is closed")
        places = self._find(memory, state.positions[0], limit, whole=False)
        memory.fence()  # headers before payloads, see kernel/memory.py
        return self.objects(memory.data, places)

    def _release(self, state: State) -> None:
        memory = self._memory
        if memory is not None and memory.consumed() != state.positions[0]:
            memory.release(state.positions[0])

    def _sources(self) -> list[int]:
        return [self.fd.fileno()]

    def _unmap(self) -> None:
        words, self._words = self._words, None
        memory, self._memory = self._memory, None
        if words is not None and memory is not None:
            words.release()
            memory.close()
