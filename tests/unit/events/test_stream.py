"""What a stream promises, over a buffer that exists only here."""

from __future__ import annotations

import os
import struct

import pytest

from pyzbpf.errors import Error
from pyzbpf.events.stream import State, Stream
from pyzbpf.kernel.fd import Fd
from pyzbpf.spec.model import MapSpec

pytestmark = pytest.mark.skipif(not hasattr(os, "eventfd"), reason="needs epoll and eventfd, so Linux")


class Fake(Stream):
    """Payloads given by the test; `interrupt` raises at a named step, as a Ctrl-C would."""

    __slots__ = ("interrupt", "payloads", "released", "unmapped")

    def __init__(self) -> None:
        super().__init__(MapSpec("fake", section=".maps", type=27), Fd(os.eventfd(0), "fake map"), None)
        self.payloads: list[bytes] = []
        self.released: list[int] = []
        self.interrupt = ""
        self.unmapped = False
        self._state = State([0], [], 0)

    def open(self) -> Fake:
        return self

    def fileno(self) -> int:
        return self.fd.fileno()

    def _sources(self) -> list[int]:
        return [self.fd.fileno()]

    def _collect(self, state: State, limit: int) -> State:
        if self.interrupt == "collect":
            raise KeyboardInterrupt
        if self.interrupt == "close":
            self.close()
        position = state.positions[0]
        found = self.payloads[position : position + limit]
        return self._decoded([position + len(found)], list(found), 0)

    def _release(self, state: State) -> None:
        if self.interrupt == "release":
            raise KeyboardInterrupt
        self.released.append(state.positions[0])

    def _unmap(self) -> None:
        self.unmapped = True

    @property
    def lost(self) -> int:
        return 0


@pytest.fixture
def stream():
    with Fake() as fake:
        yield fake


def test_interrupts_neither_lose_nor_repeat(stream):
    stream.payloads = [b"a", b"b", b"c"]
    for step in ("collect", "release"):
        stream.interrupt = step
        with pytest.raises(KeyboardInterrupt):
            stream.read(timeout=0)
    stream.interrupt = ""
    stream.payloads.append(b"d")
    assert stream.read(timeout=0) == [b"a", b"b", b"c", b"d"]
    assert stream.read(timeout=0) == []
    assert stream.released[-1] == 4


def test_an_event_that_is_too_short_is_raised_in_its_turn(stream):
    number = struct.Struct("=I")
    stream._decode = lambda raw: number.unpack_from(raw)[0]
    stream.payloads = [number.pack(1), b"?", number.pack(2), b"??", b"???", number.pack(3)]
    assert stream.read(timeout=0) == [1]
    with pytest.raises(Error, match="1 bytes"):
        stream.read(timeout=0)
    assert stream.read(timeout=0) == [2]
    with pytest.raises(Error, match="2 bytes"):
        stream.read(1, timeout=0)
    iterator = iter(stream)
    with pytest.raises(Error, match="3 bytes"):
        next(iterator)
    assert stream.read(timeout=0) == [3]
    assert stream.read(timeout=0) == []


def test_a_read_that_waits_takes_no_more_than_its_limit(stream, monkeypatch):
    """What it would decode beyond that is in the way of the next batch."""
    ready_to_sleep = Stream._ready_to_sleep

    def arriving(self):
        self.payloads = [b"a", b"b", b"c"]
        os.eventfd_write(self.fd.fileno(), 1)
        return ready_to_sleep(self)

    monkeypatch.setattr(Fake, "_ready_to_sleep", arriving)
    assert stream.read(2) == [b"a", b"b"]
    stream._check_none_decoded()
    assert stream.read(timeout=0) == [b"c"]


def test_closing_inside_of_a_read_waits_for_its_end(stream):
    stream.payloads = [b"a"]
    stream.interrupt = "close"
    assert stream.read(timeout=0) == [b"a"]
    assert stream.unmapped


CLOSED = "buffer 'fake' is closed"


def test_reading_what_is_closed_already_is_a_mistake(stream):
    """An empty list would make `while True: read(timeout=5)` turn without a pause."""
    stream.close()
    for start in (
        lambda: stream.read(timeout=5),
        lambda: stream.read(0),
        lambda: list(stream),
        lambda: iter(stream),
        lambda: aiter(stream),
    ):
        with pytest.raises(ValueError, match=CLOSED):
            start()


def test_a_loop_that_has_begun_ends_when_closed(stream):
    stream.payloads = [b"a"]
    loop = iter(stream)
    assert next(loop) == b"a"
    stream.close()
    assert list(loop) == []
    with pytest.raises(ValueError, match=CLOSED):
        list(stream)


@pytest.mark.parametrize("step", ["_fill", "_ready_to_sleep", "_epoll", "open", "_sources", "_finish_late"])
def test_a_signal_handler_that_closes_at_any_step_ends_the_call(monkeypatch, step):
    stream = Fake()
    real = getattr(Fake, step)

    def closing(self, *arguments):
        monkeypatch.setattr(Fake, step, real)
        self.close()
        return real(self, *arguments)

    monkeypatch.setattr(Fake, step, closing)
    assert stream.read() == []
    assert stream.fd.closed
    assert stream._poll is None or stream._poll.closed
    assert stream._wake is None or stream._wake.closed


def test_what_was_decoded_survives_closing(stream):
    stream.payloads = [b"a", b"b"]
    assert next(iter(stream)) == b"a"
    stream.close()
    assert list(stream) == [b"b"]
    with pytest.raises(ValueError, match=CLOSED):
        stream.read()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_events": "x"}, "max_events is a number of events or None for all, not 'x'"),
        ({"max_events": 1.5}, "max_events is a number of events or None for all, not 1.5"),
        ({"max_events": -1}, "max_events is a number of events or None for all, not -1"),
        ({"timeout": "x"}, "timeout is a number of seconds or None for ever, not 'x'"),
    ],
)
def test_what_is_no_limit_is_refused(arguments, message):
    with Fake() as stream, pytest.raises(Error, match=f"buffer 'fake': {message}"):
        stream.read(**arguments)
