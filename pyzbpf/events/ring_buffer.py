"""Ring buffer maps (Linux 5.8): one buffer for all CPUs, events in the order they were reserved."""

from __future__ import annotations

from pyzbpf.errors import Error
from pyzbpf.events.record import ring_records
from pyzbpf.events.stream import State, Stream
from pyzbpf.kernel.memory import RingMemory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from pyzbpf.btf.decode import Btf
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
            import sys

            value = int.from_bytes(value, sys.byteorder)
        return int(value)

    def close(self) -> None:
        """Remember the count, before the memory of the variable goes; again does nothing."""
        try:
            self._last = self.value
        except (Error, ValueError):  # the data map was closed by hand: what is known must do
            pass
        self._variable = None


class RingBuffer(Stream):
    """A ring buffer; `fileno` is the map's own descriptor, which can be waited for."""

    __slots__ = ("_counts", "_memory", "_words")

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd, btf)
        self._memory: RingMemory | None = None
        self._words: memoryview | None = None
        self._counts: list[LossCount] = []

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

    @property
    def lost(self) -> int:
        """How many events the probe could not send.

        A full ring buffer refuses the reservation in the BPF program, and the kernel keeps no count
        of it. The Zig SDK counts its refusals in a variable of the probe, and any other probe may in a
        global integer ``<name of the map>_lost``; without such a variable this is 0. After closing it is
        the last count.
        """
        return sum(count.value for count in self._counts)

    def _collect(self, state: State, limit: int) -> State:
        memory, words = self._memory, self._words
        if memory is None or words is None:
            raise Error(f"ring buffer '{self.name}' is closed")
        places, position = ring_records(words, memory.size, state.positions[0], memory.produced(), limit)
        memory.fence()  # headers before payloads, see kernel/memory.py
        data = memory.data
        return State([position], [bytes(data[start : start + length]) for start, length in places], 0)

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
