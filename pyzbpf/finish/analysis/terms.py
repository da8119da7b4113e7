"""Values as parts of other values: "the low 8 bits of what instruction 4 has loaded, times 2"."""

from __future__ import annotations

from typing import NamedTuple

from pyzbpf.finish.analysis.ranges import anything, up_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

    from pyzbpf.finish.analysis.ranges import Knowledge, Range

WORD, HALF = (1 << 64) - 1, (1 << 32) - 1


class Term(NamedTuple):
    """`((base & mask) << shift) + add`, of ``bits`` bits; a negative shift goes to the right.

    With ``sign`` the low so many bits of the base are a signed number, which is extended to ``bits`` and
    shifted. Without a base it is the number ``add``.
    """

    base: Hashable | None
    mask: int = WORD
    shift: int = 0
    add: int = 0
    sign: int = 0
    bits: int = 64

    @property
    def width(self) -> int:
        """The number of low bits of the base that count."""
        return self.mask.bit_length()

    @property
    def is_constant(self) -> bool:
        return self.base is None


def constant(value: int) -> Term:
    return Term(None, 0, add=value & WORD)


def settled(term: Term, known: Knowledge) -> Term:
    """The same value in the one form that equal ones share: without bits that are known to be zero."""
    if term.is_constant:
        return term
    if term.sign:
        if known.range(term.base, term.sign).low < 0:
            return term
        term = Term(term.base, (1 << term.sign) - 1, term.shift)
    mask = term.mask & ((1 << known.top(term.base, term.width).bit_length()) - 1)
    if not mask:
        return constant(term.add)
    if mask != term.mask:
        term = term._replace(mask=mask)
    return term._replace(bits=64) if not term.add and term.bits != 64 else term


def top(term: Term, known: Knowledge) -> int:
    """The greatest unsigned number that it may be."""
    limit = (1 << term.bits) - 1
    term = settled(term, known)
    if term.is_constant:
        return term.add
    if term.sign:
        return limit
    found = _shifted(min(known.top(term.base, term.width), term.mask), term.shift) + term.add
    if term.bits == 64 and not term.shift and 0 < limit + 1 - term.add <= known.range(term.base, 64).low:
        found -= limit + 1  # less a number, and it is not less than that
    return min(found, limit)


def _shifted(value: int, by: int) -> int:
    return value << by if by >= 0 else value >> -by


def narrowed(term: Term, bits: int) -> Term | None:
    """Its low bits, the others zero."""
    if term.is_constant:
        return constant(term.add & ((1 << bits) - 1))
    if term.bits <= bits:
        return term
    if term.sign:
        if term.shift:
            return None
        if bits <= term.sign:
            return Term(term.base, (1 << bits) - 1)
        return term._replace(bits=32) if bits == 32 else None
    lower = _masked(term, (1 << bits) - 1)
    if not term.add:
        return lower
    if lower.is_constant:
        return constant(term.add & ((1 << bits) - 1))
    return lower._replace(add=term.add & ((1 << bits) - 1), bits=bits)


def _masked(term: Term, constant_mask: int) -> Term:
    """`term & constant`, as if the term had no addend."""
    mask = term.mask & _shifted(constant_mask, -term.shift)
    if term.shift < 0:
        mask = term.mask & (constant_mask << -term.shift)
    return Term(term.base, mask, term.shift) if mask else constant(0)


def masked(term: Term, constant_mask: int, known: Knowledge) -> Term | None:
    """`term & constant`."""
    term = settled(term, known)
    if term.is_constant:
        return constant(term.add & constant_mask)
    if top(term, known) & ~constant_mask == 0 and _is_low(constant_mask):
        return term
    if term.sign:
        if constant_mask < 1 << term.sign and not term.shift:
            return _masked(Term(term.base, (1 << term.sign) - 1), constant_mask)
        return narrowed(term, 32) if constant_mask == HALF else None
    if term.add:
        return narrowed(term, constant_mask.bit_length()) if _is_low(constant_mask) else None
    return _masked(term, constant_mask)


def _is_low(mask: int) -> bool:
    return mask & (mask + 1) == 0


def moved_left(term: Term, by: int, bits: int) -> Term | None:
    """`term << by` in so many bits."""
    if term.is_constant:
        return constant(term.add << by & ((1 << bits) - 1))
    if term.bits < bits or term.add:
        return None
    if term.sign:
        if bits - by > term.sign - term.shift:
            return term._replace(shift=term.shift + by) if bits == term.bits == 64 else None
        term = Term(term.base, (1 << term.sign) - 1, term.shift)
    shift = term.shift + by
    mask = term.mask & (((1 << bits) - 1) >> shift if shift >= 0 else ((1 << bits) - 1) << -shift)
    return Term(term.base, mask, shift) if mask else constant(0)


def moved_right(term: Term, by: int) -> Term | None:
    """`term >> by`, zeros coming in."""
    if term.is_constant:
        return constant(term.add >> by)
    if term.sign or term.add:
        return None
    shift = term.shift - by
    mask = term.mask if shift >= 0 else term.mask >> -shift << -shift
    return Term(term.base, mask, shift) if mask else constant(0)


def moved_right_signed(term: Term, by: int, bits: int) -> Term | None:
    """`term >> by`, copies of the sign coming in."""
    if term.is_constant or term.add or term.sign:
        return None
    if term.width + term.shift < bits:
        return moved_right(term, by)
    if not _is_low(term.mask) or term.shift < by or term.bits < bits:
        return None
    if bits == 32 and term.shift != by:
        return None
    return Term(term.base, term.mask, term.shift - by, sign=term.width, bits=bits)


def extended(term: Term, width: int, bits: int) -> Term | None:
    """Its low ``width`` bits as a signed number of so many bits."""
    lower = narrowed(term, width)
    if lower is None or lower.is_constant:
        return None
    if lower.sign and not lower.shift:
        return lower._replace(bits=bits)
    if lower.width < width and not lower.add and not lower.shift:
        return lower
    if lower.shift or lower.add or lower.sign or not _is_low(lower.mask):
        return None
    return Term(lower.base, lower.mask, sign=width, bits=bits)


def added(term: Term, number: int, bits: int, known: Knowledge) -> Term | None:
    """`term + number` in so many bits."""
    number &= (1 << bits) - 1
    if term.is_constant:
        return constant(term.add + number & ((1 << bits) - 1))
    term = settled(term, known)
    if term.sign or term.is_constant:
        return None
    if term.bits != bits and top(term, known) >= 1 << bits:
        return None
    if term.add and term.bits != bits:
        return None
    total = term.add + number & ((1 << bits) - 1)
    if not total:
        return narrowed(term._replace(add=0, bits=64), bits)
    return term._replace(add=total, bits=bits)


def learn(term: Term, found: Range, bits: int, known: Knowledge) -> None:
    """The low ``bits`` bits of the term are in this range: tell it of the base."""
    part = narrowed(term, bits) if bits < 64 else term
    if part is None or part.is_constant:
        return
    part = settled(part, known)
    if part.is_constant:
        return
    if part.sign:
        if part.bits >= bits and not part.shift:
            _learn_signed(part, found, known)
        return
    if part.mask == (1 << bits) - 1 and not part.shift and not part.add:
        known.learn(part.base, bits, found)
    elif found.top < (1 << bits) - 1:
        _learn_top(part, found.top, known)
    elif top(part, known) < 1 << (bits - 1) and 0 <= found.high < (1 << (bits - 1)) - 1:
        _learn_top(part, found.high, known)


def _learn_signed(term: Term, found: Range, known: Knowledge) -> None:
    everything = anything(term.sign)
    low, high = max(found.low, everything.low), min(found.high, everything.high)
    if found.top <= everything.high:  # as unsigned it is small: so it is not negative
        low, high = max(low, 0), min(high, found.top)
    known.learn(term.base, term.sign, _between(low, high, term.sign))


def _between(low: int, high: int, bits: int) -> Range:
    everything = anything(bits)
    return everything._replace(low=low, high=high).within(everything, bits)


def _learn_top(term: Term, limit: int, known: Knowledge) -> None:
    """The term, which has no sign, is at most ``limit``."""
    size = 1 << term.bits
    if _shifted(term.mask, term.shift) >= size:
        return
    if term.add >= size // 2:  # less a number
        limit += size - term.add
        if limit >= size:
            return
    elif term.add:
        if limit < term.add or top(term._replace(add=0), known) + term.add >= size:
            return
        limit -= term.add
    inner = span(term, limit)
    if inner is not None:
        known.learn(term.base, term.width, up_to(inner, term.width))


def learn_least(term: Term, least: int, bits: int, known: Knowledge) -> None:
    """The low ``bits`` bits of the term are at least so many: of `i - 10 >= 0xfffffff7` it follows that i is
    less than 10.
    """
    part = narrowed(term, bits) if bits < 64 else term
    if part is None or part.is_constant or part.sign or not 0 < part.add <= least:
        return
    if _shifted(part.mask, part.shift) < 1 << part.bits:
        _learn_top(part._replace(add=0), (1 << part.bits) - 1 - part.add, known)


def learn_order(lesser: Term, greater: Term, known: Knowledge) -> None:
    """Of two with the same base the one that is less by a number is no greater: the other is at least that number."""
    whole = Term(greater.base)
    number = WORD + 1 - lesser.add
    if (settled(greater, known) == settled(whole, known) == settled(lesser._replace(add=0), known)) and (
        top(whole, known) <= WORD >> 1 and number <= WORD >> 1
    ):
        everything = anything(64)
        known.learn(greater.base, 64, everything._replace(low=number).within(everything, 64))


def span(term: Term, limit: int) -> int | None:
    """The greatest low part of the base (of ``width`` bits) with which `(base & mask) << shift` is at most
    ``limit``; None where the mask has gaps.
    """
    lowest = (term.mask & -term.mask).bit_length() - 1
    if not _is_low(term.mask >> lowest):
        return None
    inner = limit >> term.shift if term.shift >= 0 else ((limit + 1) << -term.shift) - 1
    return min(inner >> lowest << lowest | (1 << lowest) - 1, (1 << term.width) - 1)
