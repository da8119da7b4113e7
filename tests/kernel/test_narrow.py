"""Indexes that the compiler knows to be right are right for the verifier, too; wrong ones are caught."""

from __future__ import annotations

import struct

import pytest

from pyzbpf.errors import VerifierError
from tests.support import zig_probes

PASS, NEUTRAL = 2, 0
PACKETS = {
    "add": ({(3, 4): 7, (60, 3): 63}, [(60, 4), (255, 1), (255, 255)]),
    "subtract": ({(9, 4): 5, (63, 0): 63}, [(64, 0), (4, 5), (0, 255)]),
    "multiply": ({(3, 0): 9, (21, 0): 63}, [(22, 0), (86, 0), (255, 0)]),
    "remainder": ({(37, 0): 7, (9, 0): 9, (255, 0): 5}, []),
}


@pytest.mark.parametrize("name", PACKETS)
def test_indexes_of_eight_bits(name: str) -> None:
    right, wrong = PACKETS[name]
    with zig_probes.spec("narrow").load() as probe:
        run = probe.programs[name].test_run
        assert {given: run(bytes(14) + bytes([*given, 0, 0])).retval for given in right} == right
        assert probe.traps == []
        assert [run(bytes(14) + bytes([*given, 0, 0])).retval for given in wrong] == [PASS] * len(wrong)
        assert sum(trap.count for trap in probe.traps) == len(wrong)


def test_indexes_of_sixteen_bits() -> None:
    with zig_probes.spec("narrow").load() as probe:
        run = probe.programs["add_words"].test_run
        values = [(30, 33), (64, 0), (0xFFFF, 1), (0xFFFF, 0xFFFF)]
        returned = [run(bytes(14) + struct.pack("=2H", *given)).retval for given in values]
        assert returned == [63, PASS, PASS, PASS]
        assert [trap.count for trap in probe.traps] == [2, 1] or [t.count for t in probe.traps] == [1, 2]


@pytest.mark.parametrize("mode", ["safe", "fast", "small"])
def test_indexes_whose_check_llvm_leaves_out(mode: str) -> None:
    spec = zig_probes.spec("narrow", mode)
    for name, program in spec.programs.items():
        program.autoload = name in ("remainder", "remainder_of_64", "zeros", "failing")
    with spec.load() as probe:

        def call(name: str, value: int) -> int:
            return probe.programs[name].test_run(context=struct.pack("=12Q", value, *[0] * 11)).retval

        assert [call("remainder_of_64", value) for value in (3, 1 << 63, (1 << 64) - 1)] == [3, 8, 5]
        assert [call("zeros", value) for value in (0, 1, 1 << 40, 1 << 63)] == [63, 63, 23, 0]
        assert [call("failing", value) for value in (63, 64, 1 << 32)] == [63, NEUTRAL, NEUTRAL]
        (trap,) = probe.traps
        assert (trap.function, trap.kind, trap.operands, trap.count) == (
            "failing",
            "outOfBounds",
            (1 << 32, 64),
            2,
        )
        assert trap.text == "return table[bpf.memory.index(ctx.args[0], table.len)];"


def test_without_the_check_eight_bits_are_refused() -> None:
    spec = zig_probes.spec("narrow", "fast")
    for name, program in spec.programs.items():
        program.autoload = name == "add"
    with pytest.raises(VerifierError):
        spec.load()
