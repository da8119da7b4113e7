"""Runs of records of one length: found the same way with and without numpy."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyzbpf.events.record import (
    BUSY,
    DISCARD,
    chained_records,
    ring_records,
    striped_records,
    uniform_records,
)
from tests.support.require import optional

SIZE = 1 << 12


def ring(lengths: list[int], start: int = 0) -> tuple[memoryview, int]:
    """A ring of SIZE bytes, twice in a row, with records of these lengths (flags in the high bits)."""
    memory = bytearray(SIZE)
    position = start
    for length in lengths:
        struct.pack_into("=I", memory, position % SIZE, length)
        position += ((length & ~(BUSY | DISCARD)) + 15) & ~7
    return memoryview(bytes(memory) * 2).cast("I"), position


def slow(lengths: list[int], limit: int) -> tuple[int, int]:
    if not lengths or lengths[0] & (BUSY | DISCARD):
        return 0, 0
    count = next((i for i, length in enumerate(lengths) if length != lengths[0]), len(lengths))
    return min(count, limit), lengths[0]


@pytest.mark.parametrize("module", ["", "numpy"])
@given(
    common=st.integers(1, 64),
    many=st.integers(0, 40),
    rest=st.lists(st.sampled_from([8, 16, 40, 8 | DISCARD, 16 | BUSY]), max_size=6),
    limit=st.integers(1, 50),
    start=st.integers(0, 1000).map(lambda n: 8 * n),
)
def test_as_many_as_there_are(module, *, common, many, rest, limit, start):
    numpy = optional(module) if module else None
    lengths = [common] * many + rest
    while sum(((n & 0xFFFF) + 15) & ~7 for n in lengths) > SIZE:
        lengths.pop()
    words, produced = ring(lengths, start)
    found = uniform_records(words, SIZE, start, produced, limit, numpy=numpy)
    expected = slow(lengths, limit)
    assert found == expected or (found[0] == expected[0] == 0)


def test_a_record_that_reaches_beyond_what_was_written_is_none():
    words, _ = ring([100])
    assert uniform_records(words, SIZE, 0, 64, 10)[0] == 0


PAGE = 512


def folded(heads) -> list[int]:
    """Places in the first of the two showings of the ring."""
    return [head % (SIZE >> 3) for head in heads]


def paged(lengths: list[int], start: int, *, base: int, stale: bool) -> tuple[memoryview, int]:
    """As `ring`, with the page of each header in its second half; ``stale``: also in a payload, as in memory used again."""
    memory = bytearray(SIZE)
    position = start
    for length in lengths:
        place = position % SIZE
        struct.pack_into("=II", memory, place, length, (base + place // PAGE) & 0xFFFFFFFF)
        if stale and length & 0xFFFF >= 16:
            inside = (place + 16) % SIZE
            struct.pack_into("=II", memory, inside, 8, (base + inside // PAGE) & 0xFFFFFFFF)
        position += ((length & ~(BUSY | DISCARD)) + 15) & ~7
    return memoryview(bytes(memory) * 2), position


@given(
    lengths=st.lists(
        st.sampled_from([1, 8, 16, 24, 40, 96, 700, 16 | DISCARD, 40 | BUSY]), min_size=1, max_size=120
    ),
    limit=st.integers(1, 130),
    start=st.integers(0, 1000).map(lambda n: 8 * n),
    base=st.sampled_from([2, 7, (1 << 32) - 3]),
    stale=st.booleans(),
)
def test_records_of_any_length_are_what_a_walk_finds(lengths, limit, start, base, stale):
    numpy = optional("numpy")
    while sum(((n & 0xFFFF) + 15) & ~7 for n in lengths) > SIZE:
        lengths.pop()
    data, produced = paged(lengths, start, base=base, stale=stale)
    found = chained_records(data, SIZE, start, produced, limit, page=PAGE, numpy=numpy)
    if found is None:
        return
    heads, shortest, position = found
    walked, least, end = ring_records(data.cast("I"), SIZE, start, position, 1 << 30)
    assert (folded(heads), shortest, position) == (folded(walked), least, end)
    assert position > start
    assert len(heads) <= limit


def test_a_chain_that_fits_is_found():
    numpy = optional("numpy")
    data, produced = paged([64, 96, 40 | DISCARD, 8] * 8, 4000, base=2, stale=False)
    heads, shortest, position = chained_records(data, SIZE, 4000, produced, 1000, page=PAGE, numpy=numpy)
    assert [data.cast("I")[2 * head] for head in heads.tolist()] == [64, 96, 8] * 8
    assert (shortest, position) == (8, produced)
    damaged, _ = paged([64, 96, 40] * 8, 0, base=2, stale=True)
    assert chained_records(damaged, SIZE, 0, 64, 1000, page=PAGE, numpy=numpy) is None


@given(
    flags=st.lists(st.sampled_from([0, 0, DISCARD]), min_size=1, max_size=60),
    rest=st.sampled_from([[], [8], [40 | BUSY], [96, 40]]),
    limit=st.integers(1, 70),
    start=st.integers(0, 1000).map(lambda n: 8 * n),
)
def test_discarded_records_between_others_of_one_length(flags, rest, limit, start):
    numpy = optional("numpy")
    words, produced = ring([40 | flag for flag in flags] + rest, start)
    heads, shortest, position = striped_records(words, SIZE, start, produced, limit, numpy=numpy)
    assert (position - start) // 48 == min(limit, len(flags) + (rest == [40]))
    walked, least, end = ring_records(words, SIZE, start, position, 1 << 30)
    assert (folded(heads), shortest, position) == (folded(walked), least, end)


def test_nothing_is_found_behind_a_busy_record():
    numpy = optional("numpy")
    words, produced = ring([40 | BUSY, 40, 40])
    assert striped_records(words, SIZE, 0, produced, 9, numpy=numpy)[2] == 0
