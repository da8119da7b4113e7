"""Iterators from a Zig probe: text and records."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading

import pytest

from pyzbpf.errors import Error, NotFoundError, UnsupportedError
from pyzbpf.kernel import commands
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
    ("name", "options", "error", "message"),
    [
        ("records", {"pid": 1, "tid": 1}, ValueError, "not both"),
        ("elements", {"map": 3}, TypeError, r"option 'map' is a loaded map such as probe.maps\['name'\], not 3"),
        ("records", {"tid": 2**31 - 1}, NotFoundError, "option 'tid': there is no thread 2147483647"),
        ("records", {"pid": 2**31 - 1}, NotFoundError, "option 'pid': there is no process 2147483647"),
        ("records", {"order": "self"}, TypeError, "of kind 'iter/task' takes pid and tid, not 'order'"),
        ("elements", {"tid": 1}, TypeError, "of kind 'iter/bpf_map_elem' takes map, not 'tid'"),
        ("maps", {"pid": 1}, TypeError, "of kind 'iter/bpf_map' takes no option, not 'pid'"),
    ],
)  # fmt: skip
def test_mistakes(probe, name, options, error, message):
    with pytest.raises(error, match=message):
        probe.programs[name].attach(**options)
    assert probe.links == []


def test_a_map_is_for_those_that_walk_one(probe):
    """Its descriptor would be the number of a thread to iter/task."""
    squares = probe.maps["squares"]
    squares[5] = 25
    with pytest.raises(TypeError, match="takes pid and tid, not 'map'"):
        probe.programs["records"].attach(map=squares)
    elements, _, tasks = probe.attach(map=squares)
    assert os.getpid() in records(tasks.read())
    assert "5 25 -1%" in elements.text()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"order": "sideways"}, ValueError, "option 'order' is one of self, descendants"),
        ({"cgroup": "/nothing"}, Error, "cgroup '/nothing': No such file"),
        ({"cgroup": "/"}, Error, r"'/' is no cgroup of version 2; cgroup2 is"),
    ],
)
def test_mistakes_with_control_groups(options, error, message):
    features.since("6.1", "iter/cgroup")
    features.needs_types()
    spec = zig_probes.spec("links/walks")
    for name, program in spec.programs.items():
        program.autoload = name == "cgroup"
    with spec.load() as probe, pytest.raises(error, match=message):
        probe.programs["cgroup"].attach(**options)


# What can be walked -> the first kernel.
WALKS = {
    "task_file": "5.8",
    "task_vma": "5.12",
    "cgroup": "6.1",
    "tcp": "5.9",
    "udp": "5.9",
    "unix": "5.15",
    "netlink": "5.8",
    "ipv6_route": "5.8",
    "bpf_prog": "5.9",
    "bpf_link": "5.19",
    "ksym": "6.0",
    "sockmap": "5.10",
    "bpf_sk_storage_map": "5.9",
}


@pytest.mark.parametrize("name", WALKS)
def test_what_else_can_be_walked(name):
    """Each shows at least one of what there is for sure, and the end."""
    features.since(WALKS[name], f"iter/{name}")
    features.needs_types()
    spec = zig_probes.spec("links/walks")
    for program_name, program in spec.programs.items():
        program.autoload = program_name == name
    with (
        spec.load() as probe,
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as netlink,
    ):
        udp.bind(("127.0.0.1", 0))
        unix.bind(f"\0pyzbpf-{os.getpid()}")
        netlink.bind((0, 0))
        probe.maps["of_sockets"][tcp] = 7
        sockets = probe.maps["sockets"]
        commands.map_update(sockets.fileno(), bytes(4), tcp.fileno().to_bytes(8, sys.byteorder))
        options = {"sockmap": {"map": sockets}, "bpf_sk_storage_map": {"map": probe.maps["of_sockets"]}}
        link = probe.programs[name].attach(**options.get(name, {}))
        assert link.read() == b""
        seen = probe.variables["steps"].value
        assert seen >= 2
        link.read()
        assert probe.variables["steps"].value >= seen + 2, "each reading is a new walk"
        commands.map_delete(sockets.fileno(), bytes(4))
