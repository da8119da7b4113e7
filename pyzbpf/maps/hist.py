"""Histograms of powers of two, as programs count them and as people read them. Pure."""

from __future__ import annotations

from pyzbpf.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Bucket = tuple[int, int, int]

_BAR = {"bpftrace": 52, "bcc": 40}
_UNITS = ((1 << 60, "E"), (1 << 50, "P"), (1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))


class Hist:
    """How many values fell into each range of powers of two.

    ``closed`` says which bound belongs to a range: "upper" is (2^(k-1), 2^k], as the SDK's ``bpf.Hist`` counts, with
    a range of its own for 0; it is what Prometheus (``le``) and OpenTelemetry mean by a bucket. "lower" is
    [2^k, 2^(k+1)), as the tools of bcc and bpftrace count. ``sum`` is that of the values, None where it is not known.
    """

    __slots__ = ("closed", "slots", "sum")

    def __init__(self, slots: Iterable[int] = (), sum: int | None = None, *, closed: str = "upper") -> None:
        """Slot 0 counts zeros and slot k + 1 the k-th range ("upper"), or slot k the k-th range ("lower")."""
        if closed not in ("upper", "lower"):
            raise ValueError(f'closed is "upper" or "lower", not {closed!r}')
        self.slots = list(slots)
        self.closed = closed
        self.sum = sum if sum is not None or self.slots else 0

    def record(self, value: int) -> None:
        """Count a value, from 0 to 2^64 - 1; for numbers that Python sees itself."""
        slot = _slot(value, self.closed)
        self.slots.extend([0] * (slot + 1 - len(self.slots)))
        self.slots[slot] += 1
        if self.sum is not None:
            self.sum += value

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self.slots)

    @property
    def mean(self) -> float:
        """The mean of the values. Error where their sum is not known; 0.0 where there are none."""
        if self.sum is None:
            raise Error("this histogram does not know the sum of its values")
        return self.sum / self.count if self.count else 0.0

    def buckets(self) -> list[Bucket]:
        """(low, high, count) of each range from the first to the last that is not empty; one bound belongs to it."""
        full = [slot for slot, count in enumerate(self.slots) if count]
        if not full:
            return []
        return [(*_bounds(slot, self.closed), self.slots[slot]) for slot in range(full[0], full[-1] + 1)]

    def percentile(self, percent: float) -> tuple[int, int]:
        """The bounds of the range in which the value lies that ``percent`` of all do not exceed (0 to 100).

        A histogram knows no more than that; a number between the two would be made up. Error where it is empty.
        """
        if not (isinstance(percent, (int, float)) and 0 <= percent <= 100):  # type: ignore[redundant-expr]
            raise ValueError(f"a percentile is a number from 0 to 100, not {percent!r}")
        count = self.count
        if not count:
            raise Error("an empty histogram has no percentiles")
        rank = max(1, -(-count * percent // 100))
        for slot, number in enumerate(self.slots):
            rank -= number
            if rank <= 0:
                return _bounds(slot, self.closed)
        raise AssertionError("the ranks go up to the count")

    def __add__(self, other: Hist) -> Hist:
        if self.closed != other.closed:
            raise ValueError("two histograms with different bounds cannot be added")
        shorter, longer = sorted((self.slots, other.slots), key=len)
        padded = shorter + [0] * (len(longer) - len(shorter))
        known = None if self.sum is None or other.sum is None else self.sum + other.sum
        return Hist((a + b for a, b in zip(padded, longer, strict=True)), known, closed=self.closed)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Hist):
            return NotImplemented
        return (self.buckets(), self.sum, self.closed) == (other.buckets(), other.sum, other.closed)

    __hash__ = None  # type: ignore[assignment]

    def text(self, unit: str = "", style: str = "bpftrace") -> str:
        """A row with a bar for each range, in the form of "bpftrace" or of "bcc"; ``unit`` heads the ranges."""
        if style not in _BAR:
            raise ValueError(f"style is one of {', '.join(_BAR)}, not {style!r}")
        rows = self.buckets()
        return "\n".join(
            _bpftrace(rows, self.closed, unit) if style == "bpftrace" else _bcc(rows, self.closed, unit)
        )

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Hist of {self.count} values, sum {'unknown' if self.sum is None else self.sum}>"

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        rows = self.buckets()
        most = max((count for _, _, count in rows), default=1)
        cells = "".join(
            f"<tr><td style='text-align:right'>{_label(low, high, self.closed)}</td>"
            f"<td style='text-align:right'>{count}</td>"
            f"<td style='text-align:left;min-width:20em'><div style='background:#4c78a8;height:1em;width:{100 * count / most:.1f}%'>"
            "</div></td></tr>"
            for low, high, count in rows
        )
        return f"<table><tr><th>range</th><th>count</th><th></th></tr>{cells}</table>"


def _slot(value: int, closed: str) -> int:
    if not 0 <= value < 1 << 64:
        raise ValueError(f"a histogram counts numbers from 0 to 2^64 - 1, not {value}")
    if closed == "lower":
        return max(0, value.bit_length() - 1)
    return (value - 1).bit_length() + 1 if value else 0


def _bounds(slot: int, closed: str) -> tuple[int, int]:
    if closed == "lower":  # bcc and bpftrace: 0 and 1 share the first
        return (1 << slot if slot else 0), 2 << slot
    if slot < 2:
        return (0, slot)
    return 1 << (slot - 2), 1 << (slot - 1)


def _short(number: int) -> str:
    """A power of two as people write it: 512, 1K, 64M."""
    for size, letter in _UNITS:
        if number >= size and not number % size:
            return f"{number // size}{letter}"
    return str(number)


def _label(low: int, high: int, closed: str) -> str:
    if closed == "lower":
        return f"[{_short(low)}, {_short(high)})"
    return f"[{high}]" if high < 2 else f"({_short(low)}, {_short(high)}]"


def _bpftrace(rows: Sequence[Bucket], closed: str, unit: str) -> list[str]:
    width = _BAR["bpftrace"]
    most = max((count for _, _, count in rows), default=1)
    lines = [unit] if unit else []
    for low, high, count in rows:
        bar = "@" * (count * width // most)
        lines.append(f"{_label(low, high, closed):<16} {count:>8} |{bar:<{width}}|")
    return lines


def _bcc(rows: Sequence[Bucket], closed: str, unit: str) -> list[str]:
    width = _BAR["bcc"]
    most = max((count for _, _, count in rows), default=1)
    lines = [f"     {unit:<19} : count     distribution"]
    for low, high, count in rows:
        first, last = (low, high - 1) if closed == "lower" else (low + 1 if high > 1 else high, high)
        bar = "*" * (count * width // most)
        lines.append(f"{first:>10} -> {last:<10} : {count:<8} |{bar:<{width}}|")
    return lines
