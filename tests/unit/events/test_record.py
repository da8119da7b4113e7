from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyzbpf.errors import Error
from pyzbpf.events.places import Places
from pyzbpf.events.record import BUSY, DISCARD, perf_records, perf_run, ring_records

MANY = 1 << 30


class Ring:
    """A ring buffer as the kernel fills it, mapped twice in a row."""

    def __init__(self, size: int, start: int = 0) -> None:
        self.size = size
        self.ring = bytearray(size)
        self.consumed = self.produced = start

    def put(self, payload: bytes, flags: int = 0) -> bool:
        record = struct.pack("=II", len(payload) | flags, 0) + payload
        record += bytes(-len(record) % 8)
        if self.produced + len(record) - self.consumed > self.size:
            return False
        for byte in record:
            self.ring[self.produced % self.size] = byte
            self.produced += 1
        return True

    def take(self, limit: int = MANY) -> list[bytes]:
        memory = memoryview(bytes(self.ring) * 2)
        heads, shortest, self.consumed = ring_records(
            memory.cast("I"), self.size, self.consumed, self.produced, limit
        )
        places = Places.of_each(self.consumed, heads, shortest)
        lengths = places.lengths(memory)
        assert shortest == min(lengths, default=0)
        return [
            bytes(memory[start : start + length])
            for start, length in zip(places.starts, lengths, strict=True)
        ]


def test_ring_gives_payloads_in_order():
    ring = Ring(256)
    for payload in (b"", b"one", bytes(range(20))):
        assert ring.put(payload)
    assert ring.take() == [b"", b"one", bytes(range(20))]
    assert ring.take() == []
    assert ring.consumed == ring.produced


def test_ring_record_across_the_end():
    ring = Ring(64, start=48)
    assert ring.put(b"0123456789abcdefghij")
    assert ring.take() == [b"0123456789abcdefghij"]


def test_ring_positions_beyond_32_bits():
    ring = Ring(64, start=(1 << 33) + 56)
    assert ring.put(b"far away")
    assert ring.take() == [b"far away"]


def test_ring_discarded_records_are_passed():
    ring = Ring(256)
    ring.put(b"gone", DISCARD)
    ring.put(b"here")
    ring.put(b"gone", DISCARD)
    assert ring.take() == [b"here"]
    assert ring.consumed == ring.produced


def test_ring_busy_record_stops():
    ring = Ring(256)
    ring.put(b"first")
    place = ring.produced
    ring.put(b"being written", BUSY)
    ring.put(b"behind")
    assert ring.take() == [b"first"]
    assert ring.consumed == place
    assert ring.take() == []
    struct.pack_into("=I", ring.ring, place, len(b"being written"))
    assert ring.take() == [b"being written", b"behind"]


def test_ring_limit():
    ring = Ring(256)
    for number in range(5):
        ring.put(bytes([number]))
    assert ring.take(2) == [b"\0", b"\1"]
    assert ring.take() == [b"\2", b"\3", b"\4"]


def test_ring_that_makes_no_sense():
    ring = Ring(64)
    ring.put(b"12345678")
    struct.pack_into("=I", ring.ring, 0, 500)
    with pytest.raises(Error, match="500 bytes"):
        ring.take()


@given(
    st.lists(st.tuples(st.binary(max_size=40), st.sampled_from([0, DISCARD])), max_size=60), st.integers(1, 9)
)
def test_ring_keeps_every_record_whatever_the_sizes(records, limit):
    ring = Ring(128, start=8 * limit)
    seen: list[bytes] = []
    for payload, flags in records:
        while not ring.put(payload, flags):
            before = ring.consumed
            seen += ring.take(limit)
            assert ring.consumed > before
    while ring.consumed < ring.produced:
        seen += ring.take(limit)
    assert seen == [payload for payload, flags in records if not flags]


class Perf:
    """One CPU's perf buffer as the kernel fills it: bytes wrap at the end."""

    def __init__(self, size: int, start: int = 0) -> None:
        self.memory = bytearray(size)
        self.consumed = self.produced = start

    def put(self, kind: int, body: bytes) -> bool:
        record = struct.pack("=IHH", kind, 1, 8 + len(body)) + body  # PERF_RECORD_MISC_KERNEL
        if self.produced + len(record) - self.consumed > len(self.memory):
            return False
        for byte in record:
            self.memory[self.produced % len(self.memory)] = byte
            self.produced += 1
        return True

    def sample(self, payload: bytes) -> bool:
        # the kernel pads so that size and payload together are a multiple of 8
        padded = payload + bytes(-(len(payload) + 4) % 8)
        return self.put(9, struct.pack("=I", len(padded)) + padded)

    def take(self, limit: int = MANY) -> tuple[list[bytes], int]:
        samples, lost, self.consumed = perf_records(
            memoryview(self.memory), self.consumed, self.produced, limit
        )
        return samples, lost


def test_perf_samples_come_as_the_kernel_padded_them():
    perf = Perf(256)
    perf.sample(b"four")
    perf.sample(b"five!")
    assert perf.take() == ([b"four", b"five!" + bytes(7)], 0)
    assert perf.take() == ([], 0)


def test_perf_losses_are_added_up_and_others_passed():
    perf = Perf(256)
    perf.put(2, struct.pack("=QQ", 77, 3))
    perf.put(5, bytes(16))
    perf.sample(b"here")
    perf.put(2, struct.pack("=QQ", 77, 4))
    assert perf.take() == ([b"here"], 7)


@pytest.mark.parametrize("start", range(0, 64, 8))
def test_perf_record_across_the_end(start):
    perf = Perf(64, start=start)
    payload = bytes(range(1, 37))
    perf.sample(payload)
    assert perf.take() == ([payload], 0)


def test_perf_that_makes_no_sense():
    perf = Perf(64)
    perf.produced = 16
    with pytest.raises(Error, match="0 bytes"):
        perf.take()


@given(st.lists(st.binary(max_size=40), max_size=60), st.integers(1, 9))
def test_perf_keeps_every_sample_whatever_the_sizes(payloads, limit):
    perf = Perf(128, start=8 * limit)
    seen: list[bytes] = []
    for payload in payloads:
        while not perf.sample(payload):
            seen += perf.take(limit)[0]
    while perf.consumed < perf.produced:
        seen += perf.take(limit)[0]
    assert len(seen) == len(payloads)
    assert all(got[: len(sent)] == sent for got, sent in zip(seen, payloads, strict=True))


@given(
    lengths=st.lists(st.sampled_from([12, 12, 12, 20, 0]), min_size=1, max_size=20),
    limit=st.integers(1, 20),
    start=st.integers(0, 40).map(lambda n: 8 * n),
)
def test_perf_samples_of_one_length_are_a_run(lengths, limit, start):
    """0 stands for a record of losses; what lies across the end is left to the other way."""
    perf = Perf(512, start)
    for length in lengths:
        (perf.sample(bytes(length)) if length else perf.put(2, struct.pack("=QQ", 1, 1)))
    data = memoryview(perf.memory)
    count, stride = perf_run(data, start, perf.produced, limit)
    alike = next((place for place, length in enumerate(lengths) if length != lengths[0]), len(lengths))
    size = lengths[0] + 12
    written = min((perf.produced - start) // size, (512 - start) // size)
    if not lengths[0]:
        assert count == 0
    else:
        assert (count, stride) == (min(alike, limit, written), size)
        assert len(perf_records(data, start, start + count * stride, 99)[0]) == count
