"""Iterators from a Zig probe: text and records."""

from __future__ import annotations

import os
import struct
import threading

import pytest

from pyzbpf.errors import Error, NotFoundError, UnsupportedError
from pyzbpf.links.iterator import IteratorLink
from tests.support import features, zig_probes

RECORD = struct.Struct("=iiQ16s")


@pytest.fixture
def probe():
    features.needs_types()
    spec = zig_probes.spec("iterators")
    if features.is_older("5.8"):
        pytest.skip("iterators need Linux 5.8")
    with spec.load() as loaded:
        yield loaded


def records(data: bytes) -> dict[int, tuple[int, int, bytes]]:
    return {tid: (pid, number, name) for tid, pid, number, name in RECORD.iter_unpack(data)}


def command() -> bytes:
    with open("/proc/self/comm", "rb") as file:
        return file.read().rstrip(b"\n")


def test_records_of_all_tasks(probe):
    link = probe.programs["records"].attach()
    assert isinstance(link, IteratorLink)
    assert link.target == "iter 'task'"
    found = records(link.read())
    pid, _, name = found[os.getpid()]
    assert (pid, name.rstrip(b"\0")) == (os.getpid(), command())
    assert sorted(number for _, number, _ in found.values()) == sorted({n for _, n, _ in found.values()})
    # Each opening walks anew, and goes on without the link.
    file = link.open()
    link.close()
    with file:
        assert records(file.read()).keys() & found.keys()
    with pytest.raises(ValueError, match="closed"):
        link.read()


def test_text_of_all_maps(probe):
    with probe.programs["maps"].attach() as link:
        lines = link.text().splitlines()
        assert lines[-1] == "that was all"
        assert str(probe.maps["squares"].info["id"]) in lines


def test_elements_of_one_map(probe):
    squares = probe.maps["squares"]
    for number in range(8):
        squares[number] = number * number
    with probe.programs["elements"].attach(map=squares) as link:
        assert link.text() == "".join(f"{n} {n * n} -1%\n" for n in range(8))
    with pytest.raises(OSError, match=r"elements of one map: attach\(map="):
        probe.programs["elements"].attach()
    assert probe.links == []


def test_one_process(probe):
    if features.is_older("6.1"):
        with pytest.raises(UnsupportedError, match=r"6\.1"):
            probe.programs["records"].attach(pid=os.getpid())
        return
    with probe.programs["records"].attach(pid=os.getpid()) as link:
        assert {pid for pid, _, _ in records(link.read()).values()} == {os.getpid()}
    with probe.programs["records"].attach(tid=os.getpid()) as link:
        assert list(records(link.read())) == [os.getpid()]


def test_a_thread_is_no_process(probe):
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with pytest.raises(NotFoundError, match=rf"is a thread of process {os.getpid()}; give tid="):
            probe.programs["records"].attach(pid=thread.native_id)
        if not features.is_older("6.1"):
            with probe.programs["records"].attach(tid=thread.native_id) as link:
                assert list(records(link.read())) == [thread.native_id]
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"pid": 1, "tid": 1}, ValueError, "not both"),
        ({"order": "sideways"}, ValueError, "option 'order' is one of self, descendants"),
        ({"map": 3}, TypeError, r"option 'map' is a loaded map such as probe.maps\['name'\], not 3"),
        ({"tid": 2**31 - 1}, NotFoundError, "option 'tid': there is no thread 2147483647"),
        ({"pid": 2**31 - 1}, NotFoundError, "option 'pid': there is no process 2147483647"),
        ({"cgroup": "/nothing"}, Error, "cgroup '/nothing': No such file"),
        ({"cgroup": "/"}, Error, r"'/' is no cgroup of version 2; cgroup2 is"),
    ],
)
def test_mistakes(probe, options, error, message):
    with pytest.raises(error, match=message):
        probe.programs["records"].attach(**options)
    assert probe.links == []
