"""Where records lie in a ring buffer's memory."""

from __future__ import annotations

from pyzbpf.events.record import RING_HEADER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self


_NONE: list[int] = []


class Places:
    """Where records lie in a ring's memory, and the position behind them.

    ``stride`` is the distance from one to the next where they lie side by side and all have the same length:
    ``count`` records from ``start`` on, each behind its header. Else it is 0, and ``heads`` says where each header
    lies, in items of 8 bytes, as a list or a numpy array. ``shortest`` is the length of the shortest.
    """

    __slots__ = ("count", "heads", "position", "shortest", "start", "stride")

    def __init__(self, position: int, start: int, count: int, length: int) -> None:
        self.position = position
        self.start = start
        self.count = count
        self.shortest = length
        self.stride = (length + RING_HEADER + 7) & ~7
        self.heads: Any = _NONE

    @classmethod
    def of_each(cls, position: int, heads: Any, shortest: int) -> Self:
        """Records that lie anywhere."""
        found = cls(position, 0, len(heads), shortest)
        found.stride = 0
        found.heads = heads
        return found

    def of(self, data: memoryview) -> memoryview:
        """The memory of records that lie side by side, with their headers."""
        return data[self.start : self.start + self.count * self.stride]

    @property
    def starts(self) -> list[int]:
        """Where each payload begins, in bytes."""
        if self.stride:
            first = self.start + RING_HEADER
            return list(range(first, first + self.count * self.stride, self.stride))
        return [(head << 3) + RING_HEADER for head in _as_list(self.heads)]

    def lengths(self, data: memoryview) -> list[int]:
        """How long each payload is."""
        return [self.shortest] * self.count if self.stride else list(self.items(data.cast("I")[::2]))

    def items(self, view: memoryview) -> tuple[Any, ...]:
        """For records that lie anywhere, that item of a view which counts in 8 bytes, of each."""
        from operator import itemgetter  # not before it is wanted: start-up

        heads = _as_list(self.heads)
        return itemgetter(*heads)(view) if len(heads) > 1 else tuple(view[head] for head in heads)


def _as_list(numbers: Any) -> list[int]:
    """A list of what is a list or a numpy array."""
    return numbers if isinstance(numbers, list) else numbers.tolist()
