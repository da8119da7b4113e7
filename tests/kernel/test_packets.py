"""Packets and kernel memory where they end: numbers at odd places, the last byte, addresses nobody can read."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import pytest

from pyzbpf.errors import VerifierError
from tests.support import features, network, zig_probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.runtime.object import Object

MODES = ["safe", "fast", "small"]
PATIENCE = 30
DATA = bytes(range(1, 101))
STRICT_ALIGNMENT = 1  # BPF_F_STRICT_ALIGNMENT of BPF_PROG_LOAD
ABORTED, DROP, PASS = 0, 1, 2


def loaded(mode: str, *names: str) -> Object:
    """The probe with these programs: others read the kernel's types, which not every kernel has."""
    spec = zig_probes.spec("packets", mode)
    for name, program in spec.programs.items():
        program.autoload = name in names
    return spec.load()


@pytest.mark.parametrize("mode", MODES)
def test_numbers_at_odd_places(mode: str) -> None:
    with loaded(mode, "numbers") as probe:
        run = probe.programs["numbers"].test_run
        assert run(DATA).retval == PASS
        (number,) = struct.unpack_from("=Q", DATA, 15)
        assert probe.variables["natural"].value == probe.variables["packed_number"].value == number
        assert probe.variables["packed_half"].value == struct.unpack_from("=H", DATA, 23)[0]
        # To the byte: 25 bytes hold both, 23 the number, 22 nothing.
        assert [run(DATA[:size]).retval for size in (25, 24, 23, 22)] == [PASS, DROP, DROP, ABORTED]


@pytest.mark.parametrize("mode", MODES)
def test_packets_that_come_in(mode: str) -> None:
    """Of a real interface: its driver's, or the network stack's where the driver has no XDP."""
    with network.veth() as pair, loaded(mode, "numbers") as probe:
        seen = probe.variables["packed_number"]
        with probe.programs["numbers"].attach(interface=pair.name):
            with pair.other_side():
                sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with sender, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
                receiver.bind((pair.address, 0))
                receiver.settimeout(PATIENCE)
                sender.sendto(DATA, receiver.getsockname())
                assert receiver.recv(200) == DATA  # the program lets it pass
        assert seen.value != 0


@pytest.mark.parametrize("mode", MODES)
def test_machines_that_read_no_number_at_an_odd_place(mode: str) -> None:
    """As the verifier is there: numbers as they are aligned by nature are refused, bytes are not."""
    spec = zig_probes.spec("packets", mode)
    for name, program in spec.programs.items():
        program.autoload = name == "odd"
        program.flags |= STRICT_ALIGNMENT
    with spec.load() as probe:
        assert probe.programs["odd"].test_run(DATA).retval == PASS
        assert probe.variables["packed_number"].value == struct.unpack_from("=Q", DATA, 15)[0]
    spec.programs["odd"].autoload, spec.programs["numbers"].autoload = False, True
    with pytest.raises(VerifierError, match="misaligned packet access") as caught:
        spec.load()
    assert caught.value.hint is not None and "align(1)" in caught.value.hint


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [14, 15, 64, 200])
def test_the_last_byte(mode: str, size: int) -> None:
    with loaded(mode, "bytes") as probe:
        assert probe.programs["bytes"].test_run(bytes([77]) * size).retval == 77
        assert probe.variables["rounds"].value == size


@pytest.mark.parametrize("mode", MODES)
def test_a_packet_that_moves_is_looked_at_again(mode: str) -> None:
    with loaded(mode, "moved") as probe:
        assert probe.programs["moved"].test_run(DATA).retval == DATA[0] * 256 + DATA[4]


@pytest.mark.parametrize("mode", MODES)
def test_what_cannot_be_read_is_zero_and_an_error(mode: str) -> None:
    features.needs_types()
    with loaded(mode, "nothing", "something") as probe:
        names = ("number", "far", "bits", "command", "read", "failed")

        def values() -> list[object]:
            return [probe.variables[name].value for name in names]

        assert probe.programs["nothing"].test_run(context=bytes(96)).retval == 0
        assert values() == [0, 0, 0, "", 0, 4]
        assert probe.programs["something"].test_run(context=bytes(96)).retval == 0
        command = Path("/proc/thread-self/comm").read_text().strip()
        assert values() == [os.getpid(), os.getppid(), 0, command, 0, 0]
        assert probe.traps == []
