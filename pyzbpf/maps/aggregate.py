"""Maps whose numbers have a meaning that the object tells of: counters, histograms, counted stacks (docs/zig.md)."""

from __future__ import annotations

from pyzbpf.errors import Error
from pyzbpf.maps.hist import Hist
from pyzbpf.maps.per_cpu import PerCpu, PerCpuArray

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyzbpf.maps.base import Map


class Counter(PerCpuArray):
    """``bpf.Counter``: one number, of which each CPU has its part."""

    __slots__ = ()

    @property
    def value(self) -> int:
        """What all CPUs have counted so far."""
        return int(self.sum(0))


class CounterBy(PerCpu):
    """``bpf.CounterBy``: a number for each key; `sums` has all of them, `top` the largest."""

    __slots__ = ()


class Histogram(PerCpuArray):
    """``bpf.Hist``: one histogram."""

    __slots__ = ()

    def hist(self) -> Hist:
        """What all CPUs have recorded so far."""
        return _hist(self[0])


class HistogramBy(PerCpu):
    """``bpf.HistBy``: a histogram for each key."""

    __slots__ = ()

    def hists(self) -> dict[Any, Hist]:
        """The histogram of each key, with what all CPUs have recorded so far."""
        return {key: _hist(values) for key, values in self.items()}


def _hist(values: list[Any]) -> Hist:
    slots = [sum(each) for each in zip(*(value.slots for value in values), strict=True)]
    return Hist(slots, sum(value.sum for value in values) % (1 << 64))


class Stack:
    """A stack of the kernel and one of a process that were seen together, ``count`` times.

    Addresses are as the processor has them, the innermost first; ``kernel_error`` and ``user_error`` are 0, or the errno
    for which there is no stack (EFAULT: a thread of the kernel has none of a process; EEXIST: another stack had its place).
    """

    __slots__ = ("command", "count", "kernel", "kernel_error", "pid", "user", "user_error")

    def __init__(self, pid: int, command: str, count: int) -> None:
        self.pid = pid
        self.command = command
        self.count = count
        self.kernel: list[int] = []
        self.user: list[int] = []
        self.kernel_error = self.user_error = 0

    def __repr__(self) -> str:
        return (
            f"<Stack of {self.command} ({self.pid}): {len(self.user)} frames, {len(self.kernel)} in the kernel, "
            f"{self.count} times>"
        )


class StackCounter(PerCpu):
    """``bpf.StackCounter``: how often each stack was seen; the addresses are in a second map, of stack traces."""

    __slots__ = ("traces",)

    def stacks(self) -> list[Stack]:
        """Every stack that was seen so far, the most frequent first."""
        found = [self._stack(key, count) for key, count in self.sums().items()]
        return sorted(found, key=lambda stack: -stack.count)

    def _stack(self, key: Any, count: int) -> Stack:
        stack = Stack(key.pid, key.command, count)
        stack.kernel, stack.kernel_error = self._frames(key.kernel)
        stack.user, stack.user_error = self._frames(key.user)
        return stack

    def _frames(self, number: int) -> tuple[list[int], int]:
        if number < 0:
            return [], -number
        traces: Map | None = getattr(self, "traces", None)
        if traces is None:
            raise Error(f"map '{self.name}': the map of its stack traces is not there")
        raw = traces.lookup_raw(traces.encode_key(number))
        frames = memoryview(raw or b"").cast("Q").tolist()
        return frames[: frames.index(0)] if 0 in frames else frames, 0
