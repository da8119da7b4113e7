"""Ring and perf buffers on the real kernel: order, wrap-around, losses, waiting, closing."""

from __future__ import annotations

import asyncio
import gc
import os
import select
import signal
import sys
import threading
import time

import pytest

from pyzbpf.errors import Error
from pyzbpf.events.merge import Merged
from pyzbpf.kernel import cpus
from tests.support.assemble import R3, Asm
from tests.support.probes import EVENT_SIZE, PACKET, sender

RING, PERF = 27, 4
PATIENCE = 30


def send(probe, count: int) -> None:
    program = probe.programs["send"]
    for _ in range(count):
        program.test_run(PACKET)


def open_probe(type_: int, **options):
    probe = sender(type_, **options).load(pages=1 if type_ == PERF else None)
    if type_ == PERF:
        probe.maps["events"].open(1)
    return probe


@pytest.mark.parametrize("type_", [RING, PERF])
def test_typed_events_in_order(type_):
    with open_probe(type_) as probe:
        events = probe.maps["events"]
        assert events.read(timeout=0) == []
        send(probe, 5)
        got = events.read(timeout=PATIENCE)
        while len(got) < 5:
            got += events.read(timeout=PATIENCE)
        assert sorted(event.sequence for event in got) == [0, 1, 2, 3, 4]
        assert {(event.value, event.name) for event in got} == {(len(PACKET) - 14, "zig")}
        assert events.read(timeout=0) == []
        assert events.lost == 0


def test_ring_wraps_around_many_times():
    with open_probe(RING, discard=True) as probe:
        events = probe.maps["events"]
        expected = 0
        for _ in range(40):
            send(probe, 23)
            for event in events.read(timeout=0):
                assert event.sequence == expected
                expected += 1
        assert expected == 40 * 23
        assert events.lost == 0


def test_perf_wraps_around_many_times():
    with open_probe(PERF) as probe:
        events = probe.maps["events"]
        seen = []
        for _ in range(40):
            send(probe, 23)
            seen += [event.sequence for event in events.read(timeout=0)]
        assert sorted(seen) == list(range(40 * 23))
        assert events.lost == 0


@pytest.mark.parametrize("type_", [RING, PERF])
def test_a_slow_reader_loses_and_knows(type_):
    with open_probe(type_) as probe:
        events = probe.maps["events"]
        send(probe, 600)
        got = events.read(timeout=0)
        assert 0 < len(got) < 600
        assert events.lost == 600 - len(got)
        assert probe.variables["events_lost"].value == 600 - len(got)
        send(probe, 3)
        assert len(events.read(timeout=0)) == 3
        assert events.lost == 600 - len(got)


@pytest.mark.parametrize("looked", [False, True])
@pytest.mark.parametrize("type_", [RING, PERF])
def test_losses_are_known_after_closing(type_, looked):
    with open_probe(type_) as probe:
        send(probe, 600)
        events = probe.maps["events"]
        if looked:
            assert events.lost > 0
        got = len(events.read(timeout=0))
        send(probe, 1)
    assert events.lost == 600 - got > 0
    probe.close()
    assert events.lost == 600 - got


def test_losses_of_all_who_send_into_a_shared_ring():
    spec = sender(RING)
    with spec.load() as first:
        events = first.maps["events"]
        with spec.load(maps={"events": events}) as second:
            send(first, 200)
            send(second, 10)
            lost = events.lost
            assert lost == 210 - len(events.read(timeout=0))
            assert second.variables["events_lost"].value == 10
        assert events.lost == lost
        # With the variables shared as well there is one count, not two.
        with spec.load(maps={"events": events, ".bss": first.maps[".bss"]}):
            assert events.lost == lost
    assert events.lost == lost


@pytest.fixture
def on_cpu():
    """A function that moves this thread to a CPU."""
    allowed = os.sched_getaffinity(0)
    yield lambda cpu: os.sched_setaffinity(0, {cpu})
    os.sched_setaffinity(0, allowed)


def test_perf_events_are_in_order_on_each_cpu_and_merged_over_all(on_cpu):
    available = sorted(os.sched_getaffinity(0))[:2]
    with open_probe(PERF) as probe:
        events = probe.maps["events"]
        for take in (events.read, Merged([events], "sequence").read):
            sent: dict[int, list[int]] = {cpu: [] for cpu in available}
            first = probe.variables["sent"].value
            for number in range(30):
                cpu = available[number // 3 % len(available)]
                on_cpu(cpu)
                send(probe, 1)
                sent[cpu].append(first + number)
            found = [event.sequence for event in take(timeout=0)]
            if take == events.read:
                assert found == [number for cpu in available for number in sent[cpu]]
            else:
                assert found == list(range(first, first + 30))
        assert events.lost == 0


def test_two_ring_buffers_are_merged():
    with open_probe(RING) as one, open_probe(RING) as other:
        merged = Merged([one.maps["events"], other.maps["events"]], "sequence")
        send(one, 5)
        send(other, 8)
        assert [event.sequence for event in merged.read(timeout=0)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7]
        assert merged.read(timeout=0) == []
        assert merged.late == 0


def test_perf_events_between_losses(on_cpu):
    """Runs are decoded at once, what is between them one by one."""
    on_cpu(min(os.sched_getaffinity(0)))  # for one buffer, which has the order in which they were sent
    with open_probe(PERF) as probe:
        events = probe.maps["events"]
        seen = 0
        for count in (1, 2, 40, 300, 1, 3, 170, 5):  # the buffer holds fewer than 300
            send(probe, count)
            found = [event.sequence for event in events.read(timeout=0)]
            assert found == sorted(found)
            seen += len(found)
        assert events.lost == probe.variables["sent"].value - seen > 0


@pytest.mark.parametrize("type_", [RING, PERF])
def test_an_exception_in_a_loop_loses_nothing_that_is_behind(type_):
    with open_probe(type_) as probe:
        events = probe.maps["events"]
        send(probe, 6)
        seen = []

        def use() -> None:
            for event in events:
                seen.append(event)
                if len(seen) == 2:
                    raise Interrupt

        with pytest.raises(Interrupt):
            use()
        rest = events.read(2, timeout=0)
        rest += events.read(timeout=0)
        assert sorted(event.sequence for event in seen + rest) == list(range(6))


def test_a_loop_that_others_read_beside_goes_on_behind_them():
    with open_probe(RING) as probe:
        events = probe.maps["events"]
        send(probe, 6)
        loop = iter(events)
        assert next(loop).sequence == 0
        assert [event.sequence for event in events.read(2, timeout=0)] == [1, 2]
        assert next(loop).sequence == 3
        assert [event.sequence for event in events.read(timeout=0)] == [4, 5]
        send(probe, 1)
        assert next(loop).sequence == 6


def test_max_events_leaves_the_rest():
    with open_probe(RING) as probe:
        events = probe.maps["events"]
        send(probe, 10)
        assert [e.sequence for e in events.read(3, timeout=0)] == [0, 1, 2]
        assert [e.sequence for e in events.read(3, timeout=0)] == [3, 4, 5]
        assert events.read(0) == []
        send(probe, 1)
        assert [e.sequence for e in events.read(timeout=0)] == [6, 7, 8, 9, 10]


def test_leaving_a_loop_loses_nothing():
    with open_probe(RING) as probe:
        events = probe.maps["events"]
        send(probe, 6)
        for event in events:
            if event.sequence == 2:
                break
        assert next(iter(events)).sequence == 3
        assert [e.sequence for e in events.read(timeout=0)] == [4, 5]


@pytest.mark.parametrize("type_", [RING, PERF])
def test_events_without_a_type_are_bytes(type_):
    with open_probe(type_, typed=False) as probe:
        send(probe, 1)
        (event,) = probe.maps["events"].read(timeout=PATIENCE)
        assert isinstance(event, bytes)
        assert event[12:16] == b"zig\0"
        assert len(event) >= 24
        assert probe.maps["events"].lost == 0


@pytest.mark.parametrize("type_", [RING, PERF])
def test_descriptor_tells_when_there_is_something(type_):
    with open_probe(type_) as probe:
        events = probe.maps["events"]
        assert select.select([events], [], [], 0)[0] == []
        send(probe, 1)
        assert select.select([events], [], [], PATIENCE)[0] == [events]
        events.read(timeout=0)
        assert select.select([events], [], [], 0)[0] == []


@pytest.mark.parametrize("type_", [RING, PERF])
def test_waiting_ends_with_an_event(type_):
    with open_probe(type_) as probe:
        events = probe.maps["events"]
        timer = threading.Timer(0.05, send, (probe, 1))
        timer.start()
        assert len(events.read()) == 1
        timer.join()


@pytest.mark.parametrize("type_", [RING, PERF])
def test_closing_from_another_thread_ends_the_loop(type_):
    probe = open_probe(type_)
    send(probe, 2)
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(probe.maps["events"]))
    reader.start()
    while len(seen) < 2:
        time.sleep(0.01)
    time.sleep(0.05)
    probe.close()
    reader.join(PATIENCE)
    assert not reader.is_alive()
    assert len(seen) == 2


@pytest.mark.parametrize("type_", [RING, PERF])
def test_closing_from_a_signal_handler_ends_a_read(type_):
    probe = open_probe(type_)
    before = signal.signal(signal.SIGALRM, lambda *_: probe.close())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert probe.maps["events"].read(timeout=PATIENCE) == []
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("type_", [RING, PERF])
def test_a_closed_buffer_says_so(type_):
    probe = open_probe(type_)
    events = probe.maps["events"]
    send(probe, 2)
    assert next(iter(events)).name == "zig"
    probe.close()
    assert len(events.read(timeout=0)) == 1  # it was decoded before
    for use in (
        lambda: events.read(timeout=5),
        lambda: list(events),
        events.fileno,
        events.open,
        lambda: asyncio.run(anext(aiter(events))),
    ):
        with pytest.raises(ValueError, match="buffer 'events' is closed"):
            use()


def test_interrupted_while_waiting():
    with open_probe(RING) as probe:
        main = threading.main_thread().ident
        threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            probe.maps["events"].read(timeout=PATIENCE)
        send(probe, 1)
        assert len(probe.maps["events"].read(timeout=0)) == 1


class Interrupt(Exception):
    """What the signal handler raises."""


def interrupt(*_) -> None:
    raise Interrupt


def take(events, way: str, seen: list[object], sent: int) -> None:
    """Read until all that was sent is seen.

    A function of its own: of a loop in a ``try`` Python 3.14 leaves the jump back, at which signals are handled, out of
    what the ``try`` covers.
    """
    if way == "loop":
        for event in events:
            seen.append(event)
            if len(seen) == sent:
                break
    while len(seen) < sent:
        seen += events.read(3 if way == "three" else None, timeout=0)


@pytest.mark.skipif(
    sys.version_info < (3, 11),
    reason="Python 3.10 may interrupt the test itself between a call and the assignment of its result: "
    "run it on 3.11 or newer",
)
@pytest.mark.parametrize("way", ["loop", "all", "three"])
@pytest.mark.parametrize("merged", [False, True], ids=["alone", "merged"])
def test_interrupts_at_any_point_neither_lose_nor_repeat(way, merged):
    gc.collect()
    gc.disable()  # an interrupt while other tests' garbage is deleted would be reported as a fault
    before = signal.signal(signal.SIGALRM, interrupt)
    interrupts = sent = 0
    seen: list[object] = []
    try:
        with sender(RING, size=1 << 16).load() as probe:
            events = probe.maps["events"]
            events = Merged([events], "sequence") if merged else events
            for step in range(600):
                probe.programs["send"].test_run(PACKET, repeat=200)
                sent += 200
                try:
                    signal.setitimer(signal.ITIMER_REAL, 5e-5 + step * 1e-6)
                    take(events, way, seen, sent)
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except Interrupt:
                    interrupts += 1
                seen += events.read(timeout=0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.enable()
    assert [event.sequence for event in seen] == list(range(sent))
    assert interrupts > 0


@pytest.mark.parametrize("type_", [RING, PERF])
def test_async(type_):
    async def main(probe) -> list[int]:
        events = probe.maps["events"]

        async def produce() -> None:
            for _ in range(3):
                await asyncio.sleep(0.02)
                send(probe, 2)

        task = asyncio.create_task(produce())
        seen = []
        async for event in events:
            seen.append(event.sequence)
            if len(seen) == 6:
                break
        await task
        return sorted(seen)

    with open_probe(type_) as probe:
        assert asyncio.run(asyncio.wait_for(main(probe), PATIENCE)) == [0, 1, 2, 3, 4, 5]


def test_closing_ends_an_async_loop():
    async def main(probe) -> int:
        asyncio.get_running_loop().call_later(0.05, probe.close)
        return len([event async for event in probe.maps["events"]])

    with open_probe(RING) as probe:
        assert asyncio.run(asyncio.wait_for(main(probe), PATIENCE)) == 0


def test_two_tasks_that_take_from_one_buffer_get_each_event_once():
    async def main(probe) -> list[int]:
        events = probe.maps["events"]
        seen = []

        async def take() -> None:
            async for event in events:
                seen.append(event.sequence)  # noqa: PERF401 - the other task looks at it meanwhile

        async def poll() -> None:
            while len(seen) < 400:
                send(probe, 2)
                await asyncio.sleep(0)
                seen.extend(event.sequence for event in events.read(timeout=0))

        task = asyncio.create_task(take())
        await poll()
        probe.close()
        await task
        return seen

    with open_probe(RING) as probe:
        seen = asyncio.run(asyncio.wait_for(main(probe), PATIENCE))
    assert sorted(seen) == list(range(len(seen)))


def test_two_tasks_may_not_wait_for_one_buffer():
    async def main(probe) -> None:
        events = probe.maps["events"]
        first = asyncio.create_task(anext(aiter(events)))
        await asyncio.sleep(0.01)
        with pytest.raises(Error, match="two tasks"):
            await anext(aiter(events))
        first.cancel()

    with open_probe(RING) as probe:
        asyncio.run(main(probe))


def test_events_shorter_than_their_type():
    spec = sender(RING)
    function = spec.functions["send"]
    # mov r3, EVENT_SIZE becomes a shorter size
    long, short = (bytes(Asm().mov_imm(R3, size).code) for size in (EVENT_SIZE, 12))
    assert function.instructions.count(long) == 1
    function.instructions = function.instructions.replace(long, short)
    with spec.load() as probe:
        events = probe.maps["events"]
        send(probe, 2)
        for _ in range(2):
            with pytest.raises(Error, match="12 bytes in 'events'"):
                events.read(timeout=0)
        assert events.read(timeout=0) == []


def test_perf_pages():
    with sender(PERF).load() as probe:
        events = probe.maps["events"]
        with pytest.raises(Error, match="power of two"):
            events.open(3)
        assert events.open(2) is events.open() is events.open(2)
        with pytest.raises(Error, match="open with 2 pages"):
            events.open(4)
        assert events.info["max_entries"] >= cpus.possible()


def test_attaching_opens_perf_buffers():
    with sender(PERF).load(pages=2) as probe:
        probe.attach()
        send(probe, 1)
        assert probe.maps["events"].read(timeout=PATIENCE)[0].name == "zig"


def test_busy_record_holds_the_reader_and_wakes_it():
    """A reserved record is not passed: what was committed behind it waits."""
    from pyzbpf.events.record import BUSY

    with open_probe(RING) as probe:
        events = probe.maps["events"].open()
        send(probe, 2)
        # The kernel's pages are read-only here, so the header is made busy in a copy.
        memory = events._memory
        words = memoryview(bytearray(memory.data)).cast("I")
        from pyzbpf.events.record import ring_records

        assert len(ring_records(words, memory.size, 0, memory.produced(), 99)[0]) == 2
        words[8] |= BUSY
        assert ring_records(words, memory.size, 0, memory.produced(), 99) == ([0], 24, 32)
        words.release()
