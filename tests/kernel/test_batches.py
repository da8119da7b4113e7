"""Batches without a copy and arrays from ring buffers, on the real kernel."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading

import pytest

import pyzbpf
from pyzbpf.events import batch as batches
from pyzbpf.events.stream import ShortEvent
from pyzbpf.runtime.object import Object
from tests.support.probes import PACKET, sender
from tests.support.require import optional

RING, PERF = 27, 4
PATIENCE = 30


def send(probe: Object, count: int) -> None:
    for _ in range(count):
        probe.programs["send"].test_run(PACKET)


def test_columns_tuples_and_objects_of_one_batch():
    with sender(RING).load() as probe:
        events = probe.maps["events"]
        send(probe, 20)
        with events.batch(timeout=0) as batch:
            assert len(batch) == 20
            sequence = batch.column("sequence")
            assert list(sequence) == list(range(20))
            assert sequence.strides == (32,)  # in the kernel's memory, headers between
            assert set(batch.tuples("value", "sequence")) == {(50, number) for number in range(20)}
            assert [event.sequence for event in batch] == list(range(20))
            assert {event.name for event in batch} == {"zig"}
            assert batch.lengths == [24] * 20
            assert bytes(batch.payloads()[3][:8]) == (3).to_bytes(8, sys.byteorder)
        with pytest.raises(ValueError, match="released"):
            sequence[0]
        with pytest.raises(ValueError, match="no batch"):
            batch.payloads()
        with events.batch(timeout=0) as batch:
            assert not batch
            assert list(batch) == batch.offsets == list(batch.column("sequence")) == batch.payloads() == []


def test_a_batch_that_was_not_entered_says_so():
    with sender(RING).load() as probe:
        events = probe.maps["events"]
        send(probe, 2)
        batch = events.batch(timeout=0)
        for use in (
            lambda: len(batch), lambda: bool(batch), lambda: list(batch), lambda: batch.column("sequence"),
            lambda: list(batch.tuples("sequence")), batch.to_numpy, batch.payloads, lambda: batch.offsets,
            lambda: batch.lengths, lambda: batch.data,
        ):  # fmt: skip
            with pytest.raises(ValueError, match="buffer 'events' was not entered: `with"):
                use()
        with batch:
            assert len(batch) == 2


def test_batches_wrap_around_many_times():
    with sender(RING).load() as probe:
        events = probe.maps["events"]
        expected = 0
        for _ in range(40):
            send(probe, 23)
            with events.batch(max_events=1000, timeout=0) as batch:
                assert list(batch.column("sequence")) == list(range(expected, expected + 23))
            expected += 23
        assert events.lost == 0


def test_discarded_records_are_not_given():
    with sender(RING, discard=True).load() as probe:
        events = probe.maps["events"]
        send(probe, 12)
        seen = []
        while True:
            with events.batch(timeout=0) as batch:
                if not batch:
                    break
                seen += batch.column("sequence")
        assert seen == list(range(12))


def test_an_exception_leaves_the_batch_where_it_is():
    with sender(RING).load() as probe:
        events = probe.maps["events"]
        send(probe, 5)
        batch = events.batch(3)
        with batch:
            assert list(batch.column("sequence")) == [0, 1, 2]
            batch.__exit__(KeyboardInterrupt)  # as the statement does where its block raises
        with events.batch(2, timeout=0) as batch:
            assert list(batch.column("sequence")) == [0, 1]
        assert [event.sequence for event in events.read(timeout=0)] == [2, 3, 4]


def test_who_reads_twice_is_told():
    with sender(RING).load() as probe:
        events = probe.maps["events"]
        send(probe, 4)
        with (
            events.batch(2) as batch,
            pytest.raises(pyzbpf.Error, match="leave its `with` block"),
            events.batch(timeout=0),
        ):
            pass
        assert len(batch) == 2
        next(iter(events))
        with pytest.raises(pyzbpf.Error, match="decoded 1 of its events already"), events.batch(timeout=0):
            pass
        assert [event.sequence for event in events.read(timeout=0)] == [3]


def test_closing_inside_of_a_batch_waits_for_its_end():
    with sender(RING).load() as probe:
        events = probe.maps["events"]
        send(probe, 3)
        with events.batch(timeout=0) as batch:
            events.close()
            assert list(batch.column("sequence")) == [0, 1, 2]
        assert events.fd.closed
        with pytest.raises(ValueError, match="closed"), events.batch():
            pass


def test_closing_wakes_who_waits_for_a_batch():
    with sender(RING).load() as probe:
        events = probe.maps["events"]
        found = []

        def wait() -> None:
            with events.batch() as batch:
                found.append(len(batch))

        thread = threading.Thread(target=wait)
        thread.start()
        while not events._sleepers:
            pass
        events.close()
        thread.join(PATIENCE)
        assert found == [0]


def test_an_event_that_is_too_short_is_told_of_and_stays():
    spec = sender(RING)
    spec.maps["events"].event_type = 0
    with spec.load() as probe:
        events = probe.maps["events"]
        send(probe, 2)
        with events.batch(timeout=0) as batch, pytest.raises(pyzbpf.Error, match="type is not known"):
            batch.column("sequence")
        send(probe, 2)
        with events.batch(timeout=0) as batch:
            assert [len(raw) for raw in batch] == [24, 24]
            assert [raw[:8] for raw in batch] == [bytes(raw[:8]) for raw in batch.payloads()]


def test_arrays_are_typed_and_their_own():
    numpy = optional("numpy")
    with sender(RING).load() as probe:
        events = probe.maps["events"]
        assert len(events.to_numpy()) == 0
        send(probe, 30)
        first = events.to_numpy(10)
        rest = events.to_numpy()
        send(probe, 100)  # over the same memory
        assert first["sequence"].tolist() == list(range(10))
        assert rest["sequence"].tolist() == list(range(10, 30))
        assert set(rest["name"].tolist()) == {b"zig"}
        assert rest.dtype.names == ("sequence", "value", "name")
        assert rest["value"].dtype == numpy.uint32
        with events.batch(timeout=0) as batch:
            array = batch.to_numpy()
            assert not array.flags.owndata
            assert int(array["sequence"].sum()) == sum(range(30, 130))


def test_arrays_with_discarded_records_are_gathered():
    optional("numpy")
    with sender(RING, discard=True).load() as probe:
        events = probe.maps["events"]
        expected = 0
        for _ in range(30):
            send(probe, 17)
            assert events.to_numpy()["sequence"].tolist() == list(range(expected, expected + 17))
            expected += 17


def test_an_array_that_outlives_its_buffer_reads_memory_that_is_there():
    optional("numpy")
    with sender(RING).load() as probe:
        events = probe.maps["events"]
        send(probe, 3)
        with events.batch(timeout=0) as batch:
            array = batch.to_numpy()
    assert array["sequence"].tolist() == [0, 1, 2]
    del array, batch
    gc.collect()


@pytest.mark.parametrize("discard", [False, True])
def test_an_interrupt_behind_the_release_loses_no_array(monkeypatch, discard):
    optional("numpy")
    with sender(RING, discard=discard).load() as probe:
        events = probe.maps["events"]
        send(probe, 6)
        real = type(events).give_back

        def interrupted(*arguments):
            real(*arguments)
            raise KeyboardInterrupt

        monkeypatch.setattr(type(events), "give_back", interrupted)
        with pytest.raises(KeyboardInterrupt):
            events.to_numpy()
        monkeypatch.undo()
        assert [event.sequence for event in events.read(timeout=0)] == list(range(6))


@pytest.mark.parametrize("place", ["borrow", "end", "leave", "give_back"])
@pytest.mark.parametrize("array", [False, True])
def test_an_interrupt_at_either_end_of_a_batch(monkeypatch, place, array):
    if array:
        optional("numpy")
    with sender(RING).load() as probe:
        events = probe.maps["events"]
        send(probe, 6)
        owner, name = {
            "borrow": (type(events), "borrow"),
            "end": (batches._End, "__call__"),
            "leave": (batches.Batch, "leave"),
            "give_back": (type(events), "give_back"),
        }[place]
        real = getattr(owner, name)
        left = 1

        def interrupted(*arguments, **named):
            nonlocal left
            left, now = 0, left
            if place == "borrow":  # after its work, the others before it
                real(*arguments, **named)
            if now:
                raise KeyboardInterrupt
            return real(*arguments, **named)

        monkeypatch.setattr(owner, name, interrupted)

        def take():
            if array:
                return events.to_numpy()
            with events.batch(timeout=0) as batch:
                return len(batch)

        with pytest.raises(KeyboardInterrupt):
            take()
        monkeypatch.undo()
        # What was handed over when the block had ended by itself is not given once more.
        given = 6 if place == "give_back" and not array else 0
        assert [event.sequence for event in events.read(timeout=0)] == list(range(given, 6))
        send(probe, 1)
        seen = []
        reader = threading.Thread(target=lambda: seen.extend(events.read(timeout=PATIENCE)))
        reader.start()  # another thread can read, so nothing is held
        reader.join(PATIENCE)
        assert [event.sequence for event in seen] == [6]


def test_batches_of_a_number_of_records():
    with sender(RING).load() as probe:
        events = probe.maps["events"]
        send(probe, 6)
        with events.batch(0) as batch:
            assert not batch
        with events.batch(2, timeout=0) as batch, pytest.raises(pyzbpf.Error, match="a batch of buffer"):
            events.read(timeout=0)
        with events.batch(None, timeout=0) as batch:
            assert list(batch.column("sequence")) == [2, 3, 4, 5]


def test_a_batch_on_an_exit_stack():
    with sender(RING).load() as probe, contextlib.ExitStack() as stack:
        events = probe.maps["events"]
        send(probe, 3)
        batch = stack.enter_context(events.batch(timeout=0))
        with pytest.raises(pyzbpf.Error, match="a batch of buffer"):
            events.read(timeout=0)
        assert len(batch) == 3
        stack.close()
        assert events.read(timeout=0) == []


def test_short_events_make_no_array(monkeypatch):
    optional("numpy")
    with sender(RING).load() as probe:
        events = probe.maps["events"]
        monkeypatch.setattr(events, "event_size", 32)
        send(probe, 2)
        with pytest.raises(ShortEvent, match="24 bytes"):
            events.to_numpy()
        monkeypatch.undo()
        assert len(events.read(timeout=0)) == 2


def test_arrays_of_a_perf_buffer():
    optional("numpy")
    with sender(PERF).load(pages=4) as probe:
        events = probe.maps["events"]
        events.open()
        assert len(events.to_numpy()) == 0
        send(probe, 30)
        array = events.to_numpy(timeout=PATIENCE)
        assert sorted(array["sequence"].tolist()) == list(range(30))
        assert set(array["name"].tolist()) == {b"zig"}
        assert events.read(timeout=0) == []
        send(probe, 3)
        next(iter(events))
        with pytest.raises(pyzbpf.Error, match="decoded 2 of its events"):
            events.to_numpy()


def test_an_interrupt_loses_no_array_of_a_perf_buffer(monkeypatch):
    optional("numpy")
    with sender(PERF).load(pages=4) as probe:
        events = probe.maps["events"].open()
        send(probe, 6)
        real = type(events)._release

        def interrupted(self, state):
            real(self, state)
            raise KeyboardInterrupt

        monkeypatch.setattr(type(events), "_release", interrupted)
        with pytest.raises(KeyboardInterrupt):
            events.to_numpy()
        monkeypatch.undo()
        assert sorted(event.sequence for event in events.read(timeout=0)) == list(range(6))
