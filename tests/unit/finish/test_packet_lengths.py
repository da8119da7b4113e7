"""The difference of two addresses of a packet is moved onto itself; other differences stay as they are."""

from __future__ import annotations

from pyzbpf.finish.code import Function, Instruction
from pyzbpf.finish.passes import packet_lengths
from pyzbpf.insn.instruction import EXIT
from tests.support.functions import function, op, shown, unit

LOAD32, COPY, SUBTRACT, MOVE32 = 0x61, 0xBF, 0x1C, 0xBC


def load(register: int, offset: int) -> Instruction:
    return Instruction(LOAD32, destination=register, source=1, offset=offset)


def length(start: int, section: str = "xdp") -> Function:
    """The member at byte 4 less the one at ``start``, over the stack and a copy."""
    made = function(
        load(2, start), load(3, 4), Instruction(0x7B, destination=10, source=2, offset=-8), op(0xB7, 2, 0, 0),
        Instruction(0x79, destination=4, source=10, offset=-8), op(COPY, 5, 3), op(SUBTRACT, 5, 4), op(EXIT),
    )  # fmt: skip
    made.section.name = section
    return made


def test_a_length_is_moved_onto_itself_once() -> None:
    code = length(0)
    made = unit(code)
    made.is_from_zig = True
    packet_lengths.run(made)
    move = code.instructions[7]
    assert (move.opcode, move.destination, move.source) == (MOVE32, 5, 5)
    before = shown(code)
    packet_lengths.run(made)
    assert shown(code) == before


def test_other_differences_stay() -> None:
    for code, is_from_zig in ((length(12), True), (length(0, "kprobe/f"), True), (length(0), False)):
        before = shown(code)
        made = unit(code)
        made.is_from_zig = is_from_zig
        packet_lengths.run(made)
        assert shown(code) == before
