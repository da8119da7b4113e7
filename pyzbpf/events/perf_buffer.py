"""Perf event arrays as buffers: one for each CPU, in order within a CPU only."""

from __future__ import annotations

import sys
import time

from pyzbpf.btf import codec
from pyzbpf.errors import Error
from pyzbpf.events.record import PERF_BEFORE, perf_records, perf_run
from pyzbpf.events.stream import ShortEvent, State, Stream
from pyzbpf.kernel import commands, cpus, perf_event
from pyzbpf.kernel.memory import PAGE, PerfMemory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import MapSpec


# How many events are taken one by one before it is looked again whether they lie side by side.
_SINGLY = 64


class _CpuBuffer:
    """One CPU's event and its memory; ``exact`` tells that the kernel counts what it dropped."""

    __slots__ = ("cpu", "exact", "fd", "memory")

    def __init__(self, cpu: int, fd: Fd, memory: PerfMemory, *, exact: bool) -> None:
        self.cpu = cpu
        self.fd = fd
        self.memory = memory
        self.exact = exact


class PerfBuffer(Stream):
    """A perf event array that programs write to with bpf_perf_event_output.

    ``pages`` is the size for each CPU in pages, a power of two, until it is open; attaching a program
    opens it. An event without a declared type comes as the kernel padded it: up to 7 bytes longer.
    """

    __slots__ = ("_buffers", "_dropped", "pages")

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd, btf)
        self._buffers: list[_CpuBuffer] = []
        self._dropped = 0
        self.pages = 64

    def fileno(self) -> int:
        return self._epoll().fileno()

    def open(self, pages: int | None = None) -> Self:
        """Make a buffer of ``pages`` pages (default: the attribute, 64) for every online CPU."""
        if self._buffers:
            if pages not in (None, self.pages):
                raise Error(
                    f"perf buffer '{self.name}' is open with {self.pages} pages; open it before attach()"
                )
            return self
        if self.fd.closed:
            raise ValueError(f"buffer '{self.name}' is closed")
        pages = self.pages if pages is None else pages
        if pages <= 0 or pages & (pages - 1):
            raise Error(f"perf buffer '{self.name}': pages is a power of two, such as 64, not {pages}")
        buffers: list[_CpuBuffer] = []
        try:
            for cpu in cpus.online():
                self._add(buffers, cpu, pages)
        except BaseException:
            self._drop(buffers)
            raise
        self._buffers = buffers
        self.pages = pages
        self._state = State([buffer.memory.consumed() for buffer in buffers], [], 0)
        return self

    def _add(self, buffers: list[_CpuBuffer], cpu: int, pages: int) -> None:
        fd, exact = perf_event.bpf_output(cpu)
        if fd is None:  # went offline since it was listed
            return
        try:
            memory = PerfMemory(fd.fileno(), pages * PAGE, what=f"perf buffer '{self.name}' of CPU {cpu}")
        except BaseException:
            fd.close()
            raise
        buffers.append(_CpuBuffer(cpu, fd, memory, exact=exact))
        commands.map_update(self.fd.fileno(), _u32(cpu), _u32(fd.fileno()))
        perf_event.enable(fd.fileno())

    def _drop(self, buffers: list[_CpuBuffer]) -> None:
        for buffer in reversed(buffers):
            # The map's entry holds the event too, and would keep it alive behind our back.
            commands.map_delete(self.fd.fileno(), _u32(buffer.cpu))
            buffer.memory.close()
            buffer.fd.close()

    @property
    def lost(self) -> int:
        """How many events did not fit: the reader was too slow, or the buffer too small.

        Exact at any time from Linux 6.0 on. Before, the kernel tells of a loss when the next event
        fits in, so losses behind the last event that was read are not known yet.
        """
        if not self._buffers:
            return self._dropped
        exact = [perf_event.lost(buffer.fd.fileno()) for buffer in self._buffers if buffer.exact]
        return sum(exact) if exact else self._state.lost

    def to_numpy(self, max_events: int | None = None, timeout: float | None = 0) -> Any:
        """The events that are there as a numpy structured array of its own, those of each CPU in their order.

        About ``max_events`` at most; waits up to ``timeout`` seconds for one (None: for ever). Events longer than their
        type are cut; ShortEvent, and nothing read, where one is shorter. Needs numpy.
        """
        from pyzbpf.btf import columns

        self._check_open()
        limit = (1 << 62) if max_events is None else max_events
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._lock:
                self._check_none_decoded()
                state = self._state
                payloads: list[bytes] = []
                if not self._closed:
                    self.open()
                    state, payloads = self._samples(self._state, limit)
                array = columns.array(
                    self._packed(payloads), self.btf, self.spec.event_type, self._size(payloads)
                )
                left = None if deadline is None else deadline - time.monotonic()
                if payloads or self._closed or (left is not None and left <= 0):
                    try:
                        self._state = state
                        self._release(state)
                        return array
                    except BaseException:  # an interrupt behind the one step by which they are ours
                        if self._state is state:
                            self._state = self._decoded(state.positions, payloads, state.lost)
                        raise
            self._wait(left, self._has_record)

    def _size(self, payloads: list[bytes]) -> int:
        if self.btf is not None and self.spec.event_type:
            return self.btf.size_of(self.spec.event_type)
        return max(map(len, payloads), default=1)

    def _packed(self, payloads: list[bytes]) -> bytes:
        """Events side by side, each as long as its type; those without one as the longest."""
        size = self._size(payloads)
        shortest = min(map(len, payloads), default=size)
        if shortest < size and self.btf is not None and self.spec.event_type:
            raise ShortEvent(
                f"an event of {shortest} bytes in '{self.name}' is shorter than its type, {size} bytes; `read` takes "
                "the others"
            )
        return b"".join(payload[:size].ljust(size, b"\0") for payload in payloads)

    def _has_record(self) -> bool:
        with self._lock:
            return any(buffer.memory.consumed() != buffer.memory.produced() for buffer in self._buffers)

    def _collect(self, state: State, limit: int) -> State:
        collected = State([], [], state.lost)
        for buffer, position in zip(self._buffers, state.positions, strict=True):
            self._collect_from(buffer.memory, position, self._share(limit), collected)
        return collected

    def _collect_from(self, memory: PerfMemory, position: int, limit: int, to: State) -> None:
        """Events of one CPU, and the position behind them; samples of one length that lie side by side at once."""
        data, produced = memory.data, memory.produced()
        type_id, btf = self.spec.event_type, self.btf
        size = btf.size_of(type_id) if btf is not None and type_id and not self.is_mixed else 1 << 32
        while position < produced and limit > 0:
            count, stride = perf_run(data, position, produced, limit)
            if count > 1 and btf is not None and size <= stride - PERF_BEFORE:
                start = position % memory.size
                decode = codec.records_decoder(btf, type_id, before=PERF_BEFORE, stride=stride)
                to.ready += decode(data[start : start + count * stride])
                position += count * stride
            else:
                samples, dropped, position = perf_records(data, position, produced, min(limit, _SINGLY))
                some = self._decoded([], samples, 0)
                to.ready += some.ready
                to.broken = to.broken or some.broken
                to.lost += dropped
                count = len(samples)
            limit -= count
        to.positions.append(position)

    def _share(self, limit: int) -> int:
        """How many events of each CPU, so that a busy one does not keep the others waiting."""
        return max(64, limit // len(self._buffers)) if self._buffers else 0

    def _samples(self, state: State, limit: int) -> tuple[State, list[bytes]]:
        """The state behind the next events, and their bytes, oldest first on each CPU."""
        share = self._share(limit)
        positions: list[int] = []
        payloads: list[bytes] = []
        lost = state.lost
        for buffer, start in zip(self._buffers, state.positions, strict=True):
            memory = buffer.memory
            samples, dropped, position = perf_records(memory.data, start, memory.produced(), share)
            positions.append(position)
            payloads += samples
            lost += dropped
        return State(positions, [], lost), payloads

    def _release(self, state: State) -> None:
        for buffer, position in zip(self._buffers, state.positions, strict=True):
            if buffer.memory.consumed() != position:
                buffer.memory.release(position)

    def _sources(self) -> list[int]:
        return [buffer.fd.fileno() for buffer in self._buffers]

    def _unmap(self) -> None:
        if self._buffers:
            self._dropped = self.lost
            buffers, self._buffers = self._buffers, []
            self._drop(buffers)


def _u32(number: int) -> bytes:
    return number.to_bytes(4, sys.byteorder)
