"""What is known of numbers: of the low bits of a value, how small and how large they are.

A value is named by whoever asks (a `base`: where it was made). Knowledge is kept for some of its low bits:
of eight as a signed and as an unsigned number, say.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable


class Range(NamedTuple):
    """Of a number of ``bits`` bits: the least and the greatest as a signed one, the greatest as unsigned."""

    low: int
    high: int
    top: int

    def within(self, other: Range, bits: int) -> Range:
        """What is in both."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        top = min(self.top, other.top)
        if low >= 0:
            top = min(top, high)
        if top < 1 << (bits - 1):
            low, high = max(low, 0), min(high, top)
        return Range(low, high, top)

    def around(self, other: Range) -> Range:
        """What is in one of them."""
        return Range(min(self.low, other.low), max(self.high, other.high), max(self.top, other.top))


@functools.cache
def anything(bits: int) -> Range:
    """All numbers of so many bits."""
    return Range(-(1 << (bits - 1)), (1 << (bits - 1)) - 1, (1 << bits) - 1)


@functools.lru_cache(maxsize=4096)
def up_to(top: int, bits: int = 64) -> Range:
    """The unsigned numbers up to ``top``."""
    everything = anything(bits)
    return everything._replace(top=top).within(everything, bits)


# What is known of a value: (of how many low bits, the range), the widest first.
Ranges = tuple[tuple[int, Range], ...]
# The same questions come again and again: a function is gone through several times, and its values are alike.
_remembered = functools.lru_cache(maxsize=1 << 14)


@_remembered
def _top(ranges: Ranges, bits: int) -> int:
    found = (1 << bits) - 1
    for wide, known in ranges:
        if wide >= bits or found < 1 << wide:
            found = min(found, known.top)
    return found


@_remembered
def _range(ranges: Ranges, bits: int) -> Range:
    known = dict(ranges).get(bits, anything(bits))
    return known.within(up_to(_top(ranges, bits), bits), bits)


@_remembered
def _learnt(ranges: Ranges, bits: int, found: Range) -> Ranges:
    known = dict(ranges)
    known[bits] = found.within(known.get(bits, anything(bits)), bits)
    return tuple(sorted(known.items(), reverse=True))


@_remembered
def _joined(mine: Ranges, theirs: Ranges, wider: Callable[[int], int] | None) -> Ranges:
    made: Ranges = ()
    for bits in {*dict(mine), *dict(theirs)}:
        one, two = _range(mine, bits), _range(theirs, bits)
        both = one.around(two)
        if wider is not None and both != one:
            top = wider(both.top) if both.top > one.top else both.top
            low = both.low if both.low >= min(one.low, 0) else -(1 << (bits - 1))
            high = both.high if both.high <= one.high else (1 << (bits - 1)) - 1
            both = Range(low, high, top)
        if both != anything(bits):
            made = _learnt(made, bits, both)
    return made


class Knowledge:
    """Ranges of the low bits of values."""

    __slots__ = ("_ranges",)

    def __init__(self) -> None:
        self._ranges: dict[Hashable, Ranges] = {}

    def copy(self) -> Knowledge:
        made = Knowledge()
        made._ranges = dict(self._ranges)
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Knowledge) and self._ranges == other._ranges

    __hash__ = None  # type: ignore[assignment]

    def top(self, base: Hashable, bits: int) -> int:
        """The greatest unsigned number that the low bits may be."""
        return _top(self._ranges.get(base, ()), bits)

    def range(self, base: Hashable, bits: int) -> Range:
        """What the low bits may be."""
        return _range(self._ranges.get(base, ()), bits)

    def learn(self, base: Hashable, bits: int, found: Range) -> None:
        """The low bits are in this range, too."""
        self._ranges[base] = _learnt(self._ranges.get(base, ()), bits, found)

    def forget(self, base: Hashable) -> None:
        self._ranges.pop(base, None)

    def only(self, bases: Iterable[Hashable]) -> Knowledge:
        """The same of these alone."""
        made = Knowledge()
        made._ranges = {base: self._ranges[base] for base in bases if base in self._ranges}
        return made

    def join(
        self,
        name: Hashable,
        mine: Hashable,
        theirs: tuple[Knowledge, Hashable],
        into: Knowledge,
        *,
        wider: Callable[[int], int] | None,
    ) -> None:
        """Tell ``into`` of ``name`` what is known of ``mine`` here and of the other there.

        ``wider`` makes the end of a range that has grown one that soon grows no more.
        """
        other, its = theirs
        for bits, both in _joined(self._ranges.get(mine, ()), other._ranges.get(its, ()), wider):
            into.learn(name, bits, both)
