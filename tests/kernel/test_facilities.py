"""What the SDK offers beside maps, on the real kernel: memory, packets, locks, timers, iterators, exceptions, text."""

from __future__ import annotations

import contextlib
import os
import struct
import time

import pytest

from pyzbpf.kernel import commands
from tests.support import features, zig_probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from pyzbpf.runtime.object import Object

MODES = ["safe", "small", "fast"]
PATIENCE_S = 30
XDP_DROP, XDP_PASS, XDP_TX = 1, 2, 3
TC_UNSPEC, TC_OK, TC_SHOT = 0xFFFFFFFF, 0, 2


def loaded(mode: str, *names: str) -> Object:
    spec = zig_probes.spec("facilities", mode)
    spec.variables["watched"].value = os.getpid()
    for name, program in spec.programs.items():
        program.autoload = name in names
    return spec.load()


def ipv4(protocol: int = 17, ttl: int = 64, options: int = 0) -> bytes:
    header = struct.pack(
        "!BBHHHBBH4s4s",
        0x45 + options,
        0,
        60,
        7,
        0,
        ttl,
        protocol,
        0,
        bytes([10, 0, 0, 1]),
        bytes([10, 0, 0, 2]),
    )
    total = sum(struct.unpack("!10H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + struct.pack("!H", ~total & 0xFFFF) + header[12:]


def packet(header: bytes, options: int = 0) -> bytes:
    udp = struct.pack("!HHHH", 1234, 4321, 8, 0)
    return bytes(12) + b"\x08\x00" + header + bytes(4 * options) + udp + bytes(40)


@pytest.mark.parametrize("mode", MODES)
def test_text_of_a_process_by_the_kernels_tracepoint(mode: str, tmp_path: Path) -> None:
    features.needs_types()
    file = tmp_path / "x"
    name = f"/tmp/../{file}"[:50] if str(file).startswith("/tmp/") else "/tmp/pyzbpf-no-such-file"
    with loaded(mode, "opened") as probe, probe.programs["opened"].attach():
        for path, flags in ((name, os.O_RDONLY), ("/proc/self/stat", os.O_RDONLY)):
            with contextlib.suppress(OSError):
                os.close(os.open(path, flags))
        events = probe.maps["opens"].read(timeout=PATIENCE_S)
    assert [(event.path, event.length) for event in events] == [(name, len(name) + 1)]
    assert events[0].flags & os.O_ACCMODE == os.O_RDONLY


@pytest.mark.parametrize("mode", MODES)
def test_text_of_varying_length(mode: str) -> None:
    features.needs_types()
    program = "/bin/true"
    with loaded(mode, "executed") as probe, probe.programs["executed"].attach():
        child = os.posix_spawn(program, [program], {})
        os.waitpid(child, 0)
        found = []
        while not found:
            events = probe.maps["opens"].read(timeout=PATIENCE_S)
            found = [(event.path, event.length) for event in events if event.flags == child]
    assert found == [(program, len(program) + 1)]


@pytest.mark.parametrize("mode", MODES)
def test_an_error_is_counted_and_the_record_given_back(mode: str) -> None:
    features.needs_types()
    with loaded(mode, "opened") as probe:
        with probe.programs["opened"].attach():
            for _ in range(3):
                os.close(os.open("/proc/self/stat", os.O_RDONLY))
        assert probe.maps["opens"].read(timeout=0) == []
        assert {trap.kind: trap.count for trap in probe.traps} == {"error.Elsewhere": 3}


@pytest.mark.parametrize("mode", MODES)
def test_headers_and_checksums(mode: str) -> None:
    with loaded(mode, "packet", "patch") as probe:
        look, patch = probe.programs["packet"], probe.programs["patch"]
        for options in (0, 1, 10):
            probe.variables["result"].value = 0
            assert look.test_run(packet(ipv4(options=options), options)).retval == XDP_DROP
            assert probe.variables["result"].value == 4321
            assert probe.variables["checksum"].value == 0  # over a header with its own checksum
        assert look.test_run(packet(ipv4(protocol=6))).retval == XDP_PASS
        assert look.test_run(bytes(12) + b"\x86\xdd" + bytes(60)).retval == XDP_PASS
        for ttl in (64, 1, 255):
            result = patch.test_run(packet(ipv4(ttl=ttl)))
            assert result.retval == XDP_TX
            sent = bytes(result.data)[14:34]
            assert sent == ipv4(ttl=ttl - 1)


@pytest.mark.parametrize("mode", MODES)
def test_locks(mode: str) -> None:
    with loaded(mode, "locked") as probe:
        for length in (60, 70):
            assert probe.programs["locked"].test_run(bytes(length)).retval == TC_UNSPEC
        value = probe.maps["guarded"][0]
        assert (value.times, value.total) == (2, 130)


@pytest.mark.parametrize("mode", MODES)
def test_timers(mode: str) -> None:
    features.since("5.15", "bpf_timer")
    features.needs_jit("callbacks")
    with zig_probes.spec("newer/timers", mode).load() as probe:
        alarms = probe.maps["alarms"].fileno()
        for limit, fired in ((41, 42), ((1 << 64) - 1, 0)):
            commands.map_update(alarms, struct.pack("=I", 1), struct.pack("=16xQQ", 0, limit))
            probe.programs["timed"].test_run(bytes(60))
            deadline = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline:
                raw = commands.map_lookup(alarms, struct.pack("=I", 1), 32)
                assert raw is not None
                if struct.unpack_from("=Q", raw, 16)[0] or probe.traps or (mode != "safe" and not fired):
                    break
                time.sleep(0.01)
            assert struct.unpack_from("=Q", raw, 16)[0] == fired
        kinds = [trap.kind for trap in probe.traps]
        assert kinds == (["integerOverflow"] if mode == "safe" else [])


@pytest.mark.parametrize("mode", MODES)
def test_memory_that_a_ring_has_no_room_for_is_counted(mode: str) -> None:
    features.since("5.19", "dynptrs")
    with loaded(mode, "part") as probe:
        parts = probe.maps["parts"]
        count = 256 * 1024 // 16 + 10
        assert probe.programs["part"].test_run(bytes(100), repeat=count).retval == TC_UNSPEC
        assert parts.lost == 11 == count - len(parts.read(timeout=0))


@pytest.mark.parametrize("mode", MODES)
def test_iterators_exceptions_and_text(mode: str) -> None:
    features.needs_jit("calls of kernel functions")
    features.since("6.7", "exceptions")
    with loaded(mode, "counted", "thrown", "named", "part") as probe:
        programs, result = probe.programs, probe.variables["result"]
        assert programs["counted"].test_run(bytes(100)).retval == TC_UNSPEC
        assert result.value == sum(range(100))
        result.value = 0
        retvals = [programs["thrown"].test_run(bytes(length)).retval for length in (60, 80, 100)]
        assert (retvals, result.value) == ([TC_OK, TC_SHOT, 42], 2)
        programs["part"].test_run(bytes(100))
        programs["part"].test_run(bytes(60))  # four bytes: too short for the value
        assert probe.maps["parts"].read(timeout=0) == [0x1122334455667788]
        with open("/proc/self/comm") as file:
            expected = 1 if file.read().startswith("py") else 2
        with programs["named"].attach():
            os.getppid()
        assert result.value == expected
