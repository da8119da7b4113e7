"""Several types and lengths in one buffer, and several buffers as one."""

from __future__ import annotations

import asyncio
import os
import struct
import sys
import time

import pytest

import pyzbpf
from pyzbpf.btf.decode import decode
from pyzbpf.errors import Error
from pyzbpf.events.merge import Merged
from pyzbpf.events.stream import ShortEvent
from pyzbpf.events.variants import tail_decoder
from tests.support.probes import types
from tests.unit.events.test_stream import Fake

pytestmark = pytest.mark.skipif(not hasattr(os, "eventfd"), reason="needs epoll and eventfd, so Linux")


def stream_of(member: str, element: str = "u32"):
    """A Fake of struct { u64 time; u32 kind; u32 size; `element` rest[]; }, and two structs more."""
    btf, ids = types()
    ids["u8"] = btf.integer("unsigned char", 1)
    open_array = btf.array(ids[element], 0, ids["u32"])
    common = [("time", ids["u64"], 0), ("kind", ids["u32"], 8), ("size", ids["u32"], 12)]
    with_tail = btf.struct("Head", 16, [*common, (member, open_array, 16)])
    without = btf.struct("Plain", 16, common)
    btf.struct("Open", 24, [*common, ("fd", ids["u64"], 16)])
    btf.struct("Name", 16, [*common, ("name", btf.array(ids["char"], 0, ids["u32"]), 16)])
    fake = Fake()
    fake.spec.event_type = with_tail if member else without
    from pyzbpf.events.stream import Stream

    Stream.__init__(fake, fake.spec, fake.fd, decode(btf.data(), sys.byteorder))
    fake._state = type(fake._state)([0], [], 0)
    return fake


def record(stamp: int, kind: int, rest: bytes = b"") -> bytes:
    return struct.pack("=QII", stamp, kind, len(rest)) + rest


def test_what_follows_the_fixed_part_is_as_long_as_the_record():
    with stream_of("rest") as stream:
        stream.payloads = [record(1, 0), record(2, 0, struct.pack("=3I", 7, 8, 9)), record(3, 0, b"123")]
        assert [event.rest for event in stream.read(timeout=0)] == [[], [7, 8, 9], []]
    for element, value in (("u8", b"a\0c"), ("char", "a")):
        with stream_of("rest", element) as stream:
            stream.payloads = [record(1, 0, b"a\0c"), b"short"]
            (event,) = stream.read(timeout=0)
            assert event.rest == value
            with pytest.raises(ShortEvent):
                stream.read(timeout=0)


def test_an_array_that_begins_in_the_padding_takes_all_that_is_there():
    btf, ids = types()
    rest = btf.array(ids["char"], 0, ids["u32"])
    event = btf.struct("Head", 16, [("time", ids["u64"], 0), ("size", ids["u32"], 8), ("rest", rest, 12)])
    decode_tail = tail_decoder(decode(btf.data(), sys.byteorder), event)
    for text in ("", "abc", "abcd", "abcdef"):
        found = decode_tail(struct.pack("=QI", 7, len(text)) + text.encode())
        assert (found.time, found.size, found.rest) == (7, len(text), text)
    with pytest.raises(struct.error):
        decode_tail(bytes(11))


def test_a_tag_says_the_type():
    with stream_of("") as stream:
        assert stream.variants("kind", {1: "Open", 2: "Name"}) is stream
        stream.payloads = [
            record(1, 1, (5).to_bytes(8, sys.byteorder)), record(2, 2, b"zig"), record(3, 9), record(4, 1),
        ]  # fmt: skip
        first, second, third = stream.read(timeout=0)
        assert (type(first).__name__, first.fd) == ("Open", 5)
        assert (type(second).__name__, second.name) == ("Name", "zig")
        assert (type(third).__name__, third.kind) == ("Plain", 9)
        with pytest.raises(ShortEvent):
            stream.read(timeout=0)


def test_mistakes_in_variants_name_what_there_is():
    with stream_of("") as stream:
        with pytest.raises(Error, match="no number 'tag'; it has: time, kind, size"):
            stream.variants("tag", {})
        with pytest.raises(Error, match=r"no struct 'Opne'; it has: .*Open"):
            stream.variants("kind", {1: "Opne"})
        for types in (["Open"], "Open", {"1": "Open"}, {1: 2}, None):
            with pytest.raises(
                Error, match="buffer 'fake': types are the names of structs by the tag's numbers"
            ):
                stream.variants("kind", types)
    with Fake() as fake, pytest.raises(Error, match="declares no type"):
        fake.variants("kind", {})


def test_buffers_are_merged_by_time():
    assert pyzbpf.Merged is Merged
    with stream_of("") as one, stream_of("") as other:
        merged = Merged([one, other], "time", delay=0)
        one.payloads = [record(stamp, 1) for stamp in (10, 30, 50)]
        other.payloads = [record(stamp, 2) for stamp in (20, 40, 45)]
        assert [event.time for event in merged.read(timeout=0)] == [10, 20, 30, 40, 45, 50]
        assert merged.read(timeout=0) == []
        one.payloads.append(record(42, 1))
        assert [event.time for event in merged.read(timeout=0)] == [42]
        assert merged.late == 1


def test_a_time_that_events_do_not_have_is_refused():
    with stream_of("") as one, stream_of("") as other, Fake() as untyped:
        with pytest.raises(Error, match="an event of 'fake' has no number 'nope'; it has: time, kind, size"):
            Merged([one], "nope")
        other.variants("kind", {1: "Open"})
        with pytest.raises(Error, match="has no number 'fd'"):  # Open has it, and the declared type has not
            Merged([other], "fd")
        with pytest.raises(Error, match="it has: none, for its type is not known"):
            Merged([one, untyped])


def test_what_is_young_is_held_back_for_what_may_be_older():
    with stream_of("") as one, stream_of("") as other:
        merged = Merged([one, other], delay=3600)
        now = time.monotonic_ns()
        one.payloads = [record(now + 5, 1)]
        assert merged.read(timeout=0) == []
        other.payloads = [record(now, 2)]
        assert merged.read(timeout=0) == []
        one.close()
        other.close()
        assert [event.time for event in merged] == [now, now + 5]
        assert merged.late == 0


def test_waiting_ends_with_the_time():
    with stream_of("") as one:
        merged = Merged([one])
        assert merged.read(timeout=0.02) == []
        one.payloads = [record(5, 1)]
        os.eventfd_write(one.fileno(), 1)
        assert len(merged.read(timeout=30)) == 1


def test_mistakes_in_merging_are_refused():
    with stream_of("") as one:
        for streams, what in (
            (one, r"a list of buffers is wanted, Merged\(\[a, b\]\), not <Fake"),
            (3, "a list of buffers is wanted.*not 3"),
            ([one, 3], "only ring and perf buffers can be merged, not 3"),
            ("ab", "not 'a'"),
            ([], "is empty"),
            ([one, one], "buffer 'fake' is given twice"),
        ):
            with pytest.raises(Error, match=what):
                Merged(streams)
        for delay in ("x", -1, float("nan"), float("inf"), None):
            with pytest.raises(Error, match="delay is a number of seconds"):
                Merged([one], delay=delay)
        with pytest.raises(Error, match=r"name of a member.*not \['time'\]"):
            Merged([one], ["time"])
        for clock in ("x", 4711):
            with pytest.raises(Error, match="clock is a number of a clock"):
                Merged([one], clock=clock)
        for limits in ({"max_events": -1}, {"max_events": 0.5}, {"timeout": "x"}, {"timeout": float("nan")}):
            with pytest.raises(Error, match=f"'merged': {next(iter(limits))} is"):
                Merged([one]).read(**limits)


def test_a_merge_gives_as_many_as_are_asked_for_and_keeps_the_others():
    with stream_of("") as one, stream_of("") as other:
        merged = Merged([one, other], delay=0)
        one.payloads = [record(stamp, 1) for stamp in (10, 30, 50)]
        other.payloads = [record(stamp, 2) for stamp in (20, 40)]
        assert merged.read(0, timeout=0) == []
        assert [event.time for event in merged.read(2, timeout=0)] == [10, 20]
        for event in merged:  # and leaves the loop
            assert event.time == 30
            break
        assert [event.time for event in merged.read(9, timeout=0)] == [40, 50]
        assert merged.lost == one.lost + other.lost


def test_a_merge_is_iterated_by_a_task():
    async def steps(one, other):
        loop, merged = asyncio.get_running_loop(), Merged([one, other], delay=0)
        events = aiter(merged)
        other.payloads = [record(20, 2)]
        one.payloads = [record(10, 1), record(30, 1)]
        assert [(await anext(events)).time for _ in range(3)] == [10, 20, 30]

        def send():
            one.payloads.append(record(40, 1))
            os.eventfd_write(one.fileno(), 1)

        loop.call_later(0.01, send)  # while the next one is waited for
        assert (await anext(events)).time == 40
        os.eventfd_read(one.fileno())
        loop.call_later(0.01, one.close)
        loop.call_later(0.01, other.close)
        with pytest.raises(StopAsyncIteration):
            await anext(events)

    with stream_of("") as one, stream_of("") as other:
        asyncio.run(asyncio.wait_for(steps(one, other), 60))
