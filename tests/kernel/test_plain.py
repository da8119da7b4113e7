"""Programs as plain functions on the real kernel: verdicts, and errors counted by name."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from pyzbpf.cli.output import Json
from pyzbpf.errors import PrivilegeError, UnsupportedError
from tests.support import features, zig_probes

MODES = ["safe", "small", "fast"]
PASS, DROP, TX = 2, 1, 3


def packet(first: int, length: int = 64) -> bytes:
    return bytes([first]) + bytes(length - 1)


@pytest.mark.parametrize("mode", MODES)
def test_an_error_is_the_neutral_verdict_and_counted_by_name(mode: str) -> None:
    with zig_probes.spec("plain", mode).load() as probe:
        program = probe.programs["filter"]
        assert [program.test_run(packet(first)).retval for first in (0, 1, 4)] == [DROP, PASS, TX]
        assert not probe.traps
        assert [program.test_run(packet(first)).retval for first in (2, 3, 3)] == [PASS] * 3
        assert {(trap.kind, trap.function, trap.count) for trap in probe.traps} == {
            ("error.Odd", "filter", 1),
            ("error.TooShort", "filter", 2),
        }
        assert "plain.zig: in 'filter': error.TooShort (x2)" in map(str, probe.traps)


def test_the_record_of_an_error_has_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with zig_probes.spec("plain").load() as probe:
        probe.programs["filter"].test_run(packet(3))
        Json([], None).end(probe)
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (trap,) = [record for record in records if record["record"] == "trap"]
    assert trap == {
        "record": "trap", "file": "plain.zig", "kind": "error.TooShort", "function": "filter", "operands": [],
        "count": 1, "text": "", "message": "error.TooShort",
    }  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_verdicts_and_programs_that_say_nothing(mode: str) -> None:
    with zig_probes.spec("plain", mode).load() as probe:
        shape = probe.programs["shape"]
        assert (shape.test_run(packet(1, 80)).retval, shape.test_run(packet(1, 40)).retval) == (2, 0)
        assert probe.programs["keep"].test_run(packet(1)).retval == 17
        assert probe.variables["seen"].value == 1
        with probe.programs["nothing"].attach():
            pass


@pytest.mark.parametrize("mode", MODES)
def test_a_record_that_is_held_at_an_error_is_given_back(mode: str) -> None:
    whole_packet = 0xFFFFFFFF
    with zig_probes.spec("plain", mode).load() as probe:
        fails = probe.programs["fails"]
        for _ in range(3):
            assert fails.test_run(packet(1)).retval == whole_packet
        assert [(trap.kind, trap.count) for trap in probe.traps] == [("error.Unknown", 3)]
        probe.maps["table"][50] = 7
        assert fails.test_run(packet(1)).retval == whole_packet
        assert probe.maps["ring"].read(timeout=0) == [7]


# By program: the packet's first byte, the verdict, the error, what is in the ring buffer then.
RETURNED = {
    "several": [(1, PASS, "Early", 0), (201, PASS, "TooLarge", 0), (2, PASS, "Early", 0), (3, PASS, "Three", 0),
                (4, PASS, "Early", 1), (5, TX, None, 1), (6, PASS, None, 1)],
    "again": [(201, PASS, "TooLarge", 0), (2, PASS, "Early", 0), (5, TX, None, 1)],
    "called": [(1, PASS, "Odd", 0), (202, PASS, "Large", 0), (2, PASS, "Odd", 0), (4, PASS, "Odd", 1),
               (8, TX, None, 1)],
    "nested": [(201, PASS, "TooLarge", 0), (3, PASS, "Three", 0), (4, PASS, "Unknown", 0), (9, PASS, "Three", 0),
               (8, TX, None, 1)],
    "rounds": [(0, PASS, "Here", 0), (2, PASS, "Here", 2), (17, PASS, "Here", 2), (30, TX, None, 4)],
}  # fmt: skip


@pytest.mark.parametrize("name", RETURNED)
@pytest.mark.parametrize("mode", MODES)
def test_an_error_beside_a_verdict_gives_back_what_is_held(mode: str, name: str) -> None:
    """What is discarded does not reach the reader; what was still held the verifier would refuse."""
    with zig_probes.spec("returned_errors", mode).load() as probe:
        program, known = probe.programs[name], probe.maps["known"]
        known.update({8: 8, 9: 9})
        expected: Counter[str] = Counter()
        for first, verdict, error, count in RETURNED[name]:
            assert program.test_run(packet(first)).retval == verdict, first
            assert len(probe.maps["events"].read(timeout=0)) == count, first
            expected.update([f"error.{error}"] if error else [])
            assert {trap.kind: trap.count for trap in probe.traps} == expected, first


@pytest.mark.parametrize("mode", MODES)
def test_a_verdict_behind_an_error_is_one_that_the_kind_has(mode: str) -> None:
    """The verifier wants 0 to 3 of programs for outgoing packets; they come from a table of constants."""
    spec = zig_probes.spec("returned_errors", mode)
    for name, program in spec.programs.items():
        program.autoload = name == "chosen"
    with spec.load() as probe:
        returned = [probe.programs["chosen"].test_run(packet(1)).retval for _ in range(3)]
        assert returned == [1, 1, 0]  # pass, pass, drop
        assert probe.traps == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["bound", "egress", "opened"])
def test_a_verdict_that_nobody_knows_is_one_that_the_kind_has(mode: str, name: str) -> None:
    """The verifier looks at what control groups return, and at what hooks of LSM do since Linux 6.12."""
    if name == "opened":
        features.needs_types()
    elif name == "bound":
        features.since("5.12", "the verdict allow_privileged_port")  # 772412176fb9
    spec = zig_probes.spec("verdicts", mode)
    for other, program in spec.programs.items():
        program.autoload = other == name
    try:
        spec.load().close()
    except (PrivilegeError, UnsupportedError) as error:
        if name != "opened" or not features.no_trampolines(error):
            raise
        pytest.skip(features.no_trampolines(error))
