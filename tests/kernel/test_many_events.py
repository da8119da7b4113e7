"""Millions of events while they are read: none is lost or doubled below the limit, above it the count is exact.

Each record is checked whole while a program on another CPU writes the next ones. A wrong order of accesses (see
kernel/memory.py) would show a payload that is not written yet, or one that is written over; machines that order
accesses weakly (arm64, riscv64) are where that can happen, so run it there too: x86 cannot fail for want of a fence,
and neither can a guest of another architecture that an x86 machine emulates.
"""

from __future__ import annotations

import os
import threading
from operator import lt

import pytest

from tests.support.probes import PACKET, sender
from tests.support.require import optional

RING = 27
# An emulated processor takes minutes for ten million; and being one, it shows no order of accesses.
MANY = 1_000_000 if "PYZBPF_VM" in os.environ else 10_000_000
LENGTH = len(PACKET) - 14


def send(probe, count: int) -> None:
    probe.programs["send"].test_run(PACKET, repeat=count)


def in_order(sequence) -> bool:
    """Strictly growing."""
    return all(map(lt, sequence, sequence[1:]))


def test_millions_below_the_limit():
    size = 1 << 22
    burst = size // 32 - 1  # the kernel never fills the last byte
    with sender(RING, size=size).load() as probe:
        events = probe.maps["events"]
        expected = 0
        while expected < MANY:
            send(probe, burst)
            seen = 0
            while seen < burst:
                with events.batch(timeout=0) as batch:
                    sequence = batch.column("sequence")
                    assert sequence[0] == expected
                    assert sequence[-1] == expected + len(batch) - 1
                    assert in_order(sequence)
                    seen += len(batch)
                    expected += len(batch)
        assert events.lost == 0
        assert events.read(timeout=0) == []


def columns(ring) -> tuple[int, int]:
    with ring.batch(timeout=0.01) as batch:
        if not batch:
            return 0, -1
        sequence, value = batch.column("sequence"), batch.column("value")
        assert in_order(sequence)
        assert set(value) == {LENGTH}
        return len(batch), sequence[-1]


def objects(ring) -> tuple[int, int]:
    events = ring.read(4096, timeout=0.01)
    assert all((event.value, event.name) == (LENGTH, "zig") for event in events)
    assert in_order([event.sequence for event in events])
    return len(events), events[-1].sequence if events else -1


def arrays(ring) -> tuple[int, int]:
    array = ring.to_numpy(timeout=0.01)
    assert bool((array["value"] == LENGTH).all())
    assert bool((array["name"] == b"zig").all())
    assert in_order(array["sequence"].tolist())
    return len(array), int(array["sequence"][-1]) if len(array) else -1


@pytest.mark.parametrize(("read", "count"), [(columns, MANY), (objects, MANY // 10), (arrays, MANY)])
@pytest.mark.parametrize("discard", [False, True])
def test_a_producer_that_does_not_wait(read, count, discard):
    """It may be faster than the reader: what was read and what was lost make the whole, to the last event."""
    if read is arrays:
        optional("numpy")
    count //= 10 if discard else 1
    with sender(RING, size=1 << 18, discard=discard).load() as probe:
        ring = probe.maps["events"]
        producer = threading.Thread(target=send, args=(probe, count))
        producer.start()
        seen, last = 0, -1
        while True:
            over = not producer.is_alive()
            some, newest = read(ring)
            seen += some
            if some:
                assert newest > last
                last = newest
            elif over:
                break
        producer.join()
        assert probe.variables["sent"].value == count
        assert seen + ring.lost == count
        assert seen > 0
