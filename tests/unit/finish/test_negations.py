"""Negations become what the verifier follows, and mean the same."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pyzbpf.elf.image import Section, Symbol
from pyzbpf.finish.code import Function, Instruction, Line, Mark
from pyzbpf.finish.passes import negations

NEG64, NEG32, EXIT, JA = 0x87, 0x84, 0x95, 0x05


@pytest.mark.parametrize(("opcode", "bits"), [(NEG64, 64), (NEG32, 32)])
def test_a_negation_is_an_inversion_and_one_more(opcode: int, bits: int) -> None:
    section = Section("lsm/task_setnice", type=1)
    function = Function(Symbol("hook", section=section), section)
    jump, negation = Instruction(JA), Instruction(opcode, destination=3)
    jump.target = negation
    negation.line = Line("probe.zig", "return -x;", 1)
    negation.marks = [Mark("verdict", "hook 0")]
    function.instructions = [jump, negation, Instruction(EXIT)]
    unit = SimpleNamespace(code=SimpleNamespace(functions=[function]))
    for _ in range(2):  # again it finds nothing
        negations.run(unit)  # type: ignore[arg-type]
        assert len(function.instructions) == 4
    first, second = function.instructions[1:3]
    assert (first.opcode & 0xF8, second.opcode & 0xF8) == (0xA0, 0x00), "XOR and ADD with an immediate"
    assert (first.opcode & 7, second.opcode & 7) == (opcode & 7, opcode & 7), "of as many bits"
    assert (first.destination, first.immediate, second.destination, second.immediate) == (3, -1, 3, 1)
    assert jump.target is first
    assert first.line is negation.line
    assert [mark.kind for mark in first.marks] == ["verdict"]
    mask = (1 << bits) - 1
    for value in (0, 1, 5, mask, mask >> 1, (mask >> 1) + 1):
        assert ((value ^ mask) + 1) & mask == -value & mask
