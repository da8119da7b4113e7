"""Programs as plain functions on the real kernel: verdicts, and errors counted by name."""

from __future__ import annotations

import json

import pytest

from pyzbpf.cli.output import Json
from tests.support import zig_probes

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
