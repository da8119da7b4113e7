"""Probes written in Zig on the real kernel: maps, variables, subprograms, events, errors."""

from __future__ import annotations

import os
import socket
import struct
import sys

import pytest

import pyzbpf
from pyzbpf.errors import VerifierError
from tests.support import zig_probes

PACKET = bytes(range(100))
MODES = ["safe", "small", "fast"]


@pytest.mark.parametrize("mode", MODES)
def test_the_kernel_takes_the_type_information(mode: str) -> None:
    for name in ("hostile", "historic", "constants", "subprograms", "tracepoints", "exec", "loopback"):
        with zig_probes.spec(name, mode).load() as probe:
            assert probe.btf_error is None, name
            for program in probe.programs.values():
                assert (
                    program.info["btf_id"] and program.info["nr_line_info"] and program.info["nr_func_info"]
                )


@pytest.mark.parametrize("mode", MODES)
def test_constants_and_variables(mode: str) -> None:
    spec = zig_probes.spec("constants", mode)
    spec.variables["limit"].value = 50
    with spec.load() as probe:
        program, total = probe.programs["prog"], probe.variables["sum"]
        ethernet = 14  # the filter sees the packet behind this header
        assert program.test_run(PACKET[: 49 + ethernet]).retval == 0
        assert total.value == 0
        lengths = (50, 61, 66, 83)
        for length in lengths:
            assert program.test_run(PACKET[: length + ethernet]).retval == 1
        named, shown = (3, 1, 4, 1, 5, 9, 2, 6), (10, 20, 30, 40)
        assert total.value == sum(named[n & 7] + shown[n & 3] for n in lengths)
        total.value = 5
        assert total.value == 5
        assert list(probe.variables["shown"].value) == [10, 20, 30, 40]


@pytest.mark.parametrize("mode", MODES)
def test_subprograms(mode: str) -> None:
    spec = zig_probes.spec("subprograms", mode)
    spec.variables["scale"].value = 2
    with spec.load() as probe:
        one = probe.programs["one"].test_run(PACKET).retval
        two = probe.programs["two"].test_run(PACKET).retval
        assert one == two + 2
        calls = probe.maps["calls"]
        assert (calls.sum(0), calls.sum(1)) == (3, 1)
        assert probe.programs["three"].test_run(bytes([3]) + PACKET).retval == 1
        assert probe.programs["three"].test_run(bytes([4]) + PACKET).retval == 2


@pytest.mark.parametrize("mode", MODES)
def test_every_construct_runs(mode: str) -> None:
    spec = zig_probes.spec("hostile", mode)
    with spec.load() as probe:
        for name in ("ring", "perf", "numbers", "old"):
            assert probe.maps[name].read(timeout=0) == []
        assert probe.programs["second"].test_run(PACKET).retval == 0
        (event,) = probe.maps["ring"].read(timeout=5)
        assert event.time == 0x0102030405060708
        assert (event.pair.second, event.kind.name, event.choice.number) == (
            0xBEEF,
            "second",
            0x1122334455667788,
        )
        assert (event.text, event.raw, event.flag, event.small) == ("ok", b"\1\2\3\4\5\6", True, -3)
        assert (event.list, event.matrix, event.node.value) == ([-1, 2, -3], [[1, 2], [3, 4]], 99)
        (same,) = probe.maps["perf"].read(timeout=5)
        assert same == event
        assert probe.maps["numbers"].read(timeout=5) == [10]
        (raw,) = probe.maps["old"].read(timeout=5)
        assert raw[:8] == (10).to_bytes(8, sys.byteorder)
        assert probe.variables["counter"].value == 1
        probe.programs["first"].test_run(PACKET)
        probe.programs["first"].test_run(PACKET)
        ((key, value),) = probe.maps["pairs"].items()
        assert (value.first, value.second) == (2, 2) and next(iter(key)) > 0
        assert probe.maps["per_cpu"].sum(2) == 2


@pytest.mark.parametrize("mode", ["safe", *MODES])
def test_equal_programs_stay_two(mode: str) -> None:
    spec = zig_probes.spec("twins", mode)
    assert sorted(spec.programs) == ["first", "second"]
    with spec.load() as probe:
        first, second = probe.programs["first"], probe.programs["second"]
        good, bad = bytes([1, 2]) + PACKET, bytes([255, 2]) + PACKET
        assert first.test_run(good).retval == second.test_run(good).retval == 3
        if mode == "safe":
            assert (first.test_run(bad).retval, second.test_run(bad).retval) == (1, 3)
            assert len(probe.traps) == 2


def test_asserts_are_reported_where_the_author_wrote_them() -> None:
    with zig_probes.spec("asserts", "safe").load() as probe:
        program = probe.programs["prog"]
        assert program.test_run(bytes([0, 0]) + PACKET).retval == 3
        assert program.test_run(bytes([1, 0]) + PACKET).retval == 2
        assert program.test_run(bytes([0, 1]) + PACKET).retval == 2
        places = sorted(
            str(trap).rpartition(":")[0].partition(":")[2].partition(":")[0] for trap in probe.traps
        )
        assert places == ["8", "9"], [str(trap) for trap in probe.traps]


def test_a_full_ring_is_counted() -> None:
    with zig_probes.spec("hostile").load() as probe:
        program, ring = probe.programs["second"], probe.maps["ring"]
        for _ in range(200):
            program.test_run(PACKET)
        got = ring.read(timeout=0)
        assert 0 < len(got) < 200 and ring.lost == 200 - len(got)
        assert probe.maps["numbers"].lost == 0


def test_the_historic_example_sees_real_packets() -> None:
    with zig_probes.spec("historic").load() as probe:
        probe.attach()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"hello", ("127.0.0.1", 9))
        events = probe.maps["events"].read(1, timeout=30)
        (time_ns,) = struct.unpack_from("=Q", events[0])
        assert time_ns > 0


@pytest.mark.parametrize("interface_option", [{}, {"interface": "lo"}])
def test_typed_packets(interface_option: dict[str, str]) -> None:
    spec = zig_probes.spec("loopback")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        port = receiver.getsockname()[1]
        spec.variables["port"].value = port
        with spec.load() as probe:
            probe.attach(**interface_option)
            for size in (1, 20, 300):
                receiver.sendto(bytes(size), ("127.0.0.1", port))
            got = []
            while len(got) < 6:  # loopback shows every packet as it leaves and as it arrives
                got += probe.maps["events"].read(timeout=30)
            assert sorted(e.length for e in got) == [43, 43, 62, 62, 342, 342]
            assert {(e.ethertype, e.protocol, e.source_port, e.target_port) for e in got} == {
                (0x800, 17, port, port)
            }
            assert [e.time for e in got] == sorted(e.time for e in got) or os.cpu_count() != 1


def test_started_programs_are_seen_with_their_parent() -> None:
    with zig_probes.spec("exec").load() as probe:
        probe.attach()
        child = os.posix_spawn("/bin/true", ["/bin/true"], {})
        os.waitpid(child, 0)
        events = probe.maps["events"]
        found = []
        while not found:
            found = [e for e in events.read(timeout=30) if e.pid == child]
        assert (found[0].parent, found[0].command) == (os.getpid(), "true")


def test_tracepoints_see_one_system_call() -> None:
    spec = zig_probes.spec("tracepoints")
    getppid = {"x86_64": 110, "s390x": 64}.get(os.uname().machine, 173)
    spec.variables["target"].value = os.getpid()
    spec.variables["wanted"].value = getppid
    with spec.load() as probe:
        probe.attach()
        os.getppid()
        events = probe.maps["events"]
        got = []
        while len(got) < 2:
            got += events.read(timeout=30)
        assert sorted(e.raw for e in got) == [0, 1]
        assert {(e.number, e.pid) for e in got} == {(getppid, os.getpid())}


def test_a_refusal_names_the_zig_line() -> None:
    spec = zig_probes.spec("rejected")
    with pytest.raises(VerifierError) as caught:
        spec.load()
    error = caught.value
    assert error.source is not None and error.source.startswith("rejected.zig:9:")
    assert "found.* += 1" in error.source
    assert "invalid mem access" in error.reason and "processed" in error.log
    assert error.hint and error.exit_code == 5


def test_the_spec_is_not_changed_by_loading() -> None:
    spec = zig_probes.spec("constants")
    before = bytes(spec.maps[".rodata"].contents or b"")
    for limit in (1, 2):
        spec.variables["limit"].value = limit
        with spec.load() as probe:
            assert probe.variables["limit"].value == limit
            with pytest.raises(pyzbpf.Error):
                probe.variables["limit"].value = 3
    spec.variables["limit"].value = 10
    assert bytes(spec.maps[".rodata"].contents or b"") == before
