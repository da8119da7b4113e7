"""Runs of records of one length: found the same way with and without numpy."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyzbpf.events.record import BUSY, DISCARD, uniform_records
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
