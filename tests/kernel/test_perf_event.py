"""Samples of a counter from a Zig probe: this process at work."""

from __future__ import annotations

import mmap
import os
import threading
import time

import pytest

from pyzbpf.errors import NotFoundError, UnsupportedError
from pyzbpf.kernel import cpus, perf_event
from tests.support import features, zig_probes
from tests.support.bpf_fs import mounted

PATIENCE = 30


@pytest.fixture
def probe():
    features.needs_to_know_the_machine()
    spec = zig_probes.spec("samples")
    spec.variables["wanted"].value = os.getpid()
    with spec.load() as loaded:
        yield loaded


def work_until(condition) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        sum(range(10_000))
        if condition():
            return True
    return False


def samples(probe) -> int:
    return probe.variables["samples"].value


def test_every_cpu_by_frequency(probe):
    (link,) = probe.attach()
    assert link.target == "samples of 'cpu-clock' 99 times a second"
    assert len(link._parts) >= len(cpus.online())
    assert work_until(lambda: samples(probe) >= 5)
    assert probe.variables["instruction"].value != 0
    link.close()
    link.close()
    before = samples(probe)
    work_until(lambda: True)
    assert samples(probe) == before


def test_many_links_are_not_pinned_by_one_name(probe, tmp_path):
    """The processors but one would be silent when their process has ended."""
    if len(cpus.online()) == 1:
        pytest.skip("one processor has one link; this takes a machine with more")
    (link,) = probe.attach()
    with mounted(tmp_path / "bpf") as folder:
        for pin in (link.pin, probe.pin):
            with pytest.raises(UnsupportedError, match=r"pin\(\) of samples of 'cpu-clock'"):
                pin(folder / "mine")
        assert not (folder / "mine").exists()


def test_one_process_with_its_threads(probe):
    ready, stop = threading.Event(), threading.Event()

    def run() -> None:
        ready.set()
        while not stop.is_set():
            sum(range(1000))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        ready.wait(PATIENCE)
        probe.attach(pid=os.getpid(), event="task-clock", period=1_000_000)
        assert work_until(lambda: samples(probe) >= 5)
    finally:
        stop.set()
        thread.join()
    assert probe.variables["period"].value >= 1_000_000


def test_each_event_of_a_counter(probe):
    probe.attach(event="page-faults", period=1, pid=os.getpid())
    with mmap.mmap(-1, 64 * mmap.PAGESIZE) as memory:
        for page in range(64):
            memory[page * mmap.PAGESIZE] = 1
    assert samples(probe) >= 1  # one for each page, or for a huge one
    assert probe.variables["period"].value == 1
    assert probe.variables["address"].value != 0


def test_what_the_hardware_counts(probe):
    try:
        probe.attach(event="cpu-cycles", period=100_000, pid=os.getpid())
    except UnsupportedError as error:
        pytest.skip(f"needs a machine that counts cycles; virtual ones seldom do: {error}")
    assert work_until(lambda: samples(probe) >= 5)
    assert probe.variables["period"].value >= 100_000


def test_one_cpu(probe):
    link = probe.programs["sample"].attach(cpu=cpus.online()[0], frequency=999)
    assert link.target == "samples of 'cpu-clock' 999 times a second"
    events = 1 if features.is_older("5.15") else 2  # with the link of the kernel
    assert len(link._parts) == events


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"event": "cycle"}, ValueError, "option 'event' is one of cpu-clock, "),
        ({"event": []}, ValueError, "option 'event' is one of"),
        ({"frequency": 5, "period": 5}, ValueError, "not both"),
        ({"frequency": 0}, ValueError, "'frequency' is 1 or more"),
        ({"period": 0}, ValueError, "'period' is 1 or more"),
        ({"frequency": "5"}, TypeError, "option 'frequency' is an int"),
        ({"pid": 2**31 - 1}, NotFoundError, "no process 2147483647"),
        ({"frequency": 10**9}, OSError, "perf_event_max_sample_rate"),
        ({"cpu": 100_000}, NotFoundError, r"option 'cpu': CPU 100000 is not online; \d+ are, from 0 to \d+"),
        ({"cpu": 100_000, "pid": 1}, NotFoundError, "CPU 100000 is not online"),
        ({"cpu": -1}, ValueError, "option 'cpu'"),
    ],
)
def test_mistakes(probe, options, error, message):
    with pytest.raises(error, match=message):
        probe.attach(**options)
    assert probe.links == []


def test_hardware_that_does_not_count(probe, monkeypatch):
    monkeypatch.setattr(perf_event, "_open", lambda *_: -2)
    with pytest.raises(UnsupportedError, match=r"'cpu-cycles'.*\n.*cpu-clock"):
        probe.attach(event="cpu-cycles")


def test_what_was_opened_is_closed_when_a_cpu_fails(probe, monkeypatch):
    real, calls = perf_event._open, []

    def fail_second(*arguments):
        calls.append(arguments)
        return real(*arguments) if len(calls) == 1 else -13

    monkeypatch.setattr(perf_event, "_open", fail_second)
    monkeypatch.setattr(cpus, "online", lambda: [0, 0])
    with pytest.raises(Exception, match="CAP_PERFMON"):
        probe.attach()
    assert len(calls) == 2


def test_bit_fields_of_either_byte_order():
    assert perf_event._flag(0, "little") == 1
    assert perf_event._flag(10, "little") == 1 << 10
    assert perf_event._flag(0, "big") == 1 << 63
    assert perf_event._flag(10, "big") == 1 << 53
