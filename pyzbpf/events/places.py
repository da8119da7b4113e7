"""Where records lie in a ring buffer's memory."""

from __future__ import annotations

from pyzbpf.events.record import RING_HEADER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Places:
    """Where records lie in a ring's memory, and the position behind them.

    ``stride`` is the distance from one to the next where they lie side by side and all have the same ``length``:
    ``count`` records from ``start`` on, each behind its header. Else it is 0, and ``each`` has the starts and
    the lengths of the payloads, two lists or two numpy arrays.
    """

    __slots__ = ("count", "each", "length", "position", "start", "stride")

    def __init__(
        self, position: int, *, start: int = 0, count: int = 0, length: int = 0,
        each: tuple[Any, Any] | None = None,
    ) -> None:  # fmt: skip
        self.position = position
        self.start = start
        self.length = length
        self.each = each or ([], [])
        self.stride = (length + RING_HEADER + 7) & ~7 if each is None else 0
        self.count = count if each is None else len(each[0])

    def of(self, data: memoryview) -> memoryview:
        """The memory of records that lie side by side, with their headers."""
        return data[self.start : self.start + self.count * self.stride]

    @property
    def starts(self) -> list[int]:
        """Where each payload begins."""
        if not self.stride:
            return _as_list(self.each[0])
        first = self.start + RING_HEADER
        return list(range(first, first + self.count * self.stride, self.stride))

    @property
    def lengths(self) -> list[int]:
        """How long each payload is."""
        return [self.length] * self.count if self.stride else _as_list(self.each[1])

    @property
    def shortest(self) -> int:
        """The length of the shortest."""
        return (
            self.length
            if self.stride
            else int(min(self.each[1]) if isinstance(self.each[1], list) else self.each[1].min())
        )


def _as_list(numbers: Any) -> list[int]:
    return numbers if isinstance(numbers, list) else numbers.tolist()
