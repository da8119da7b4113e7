"""Which values become a part of an address, the bound of a loop or an argument: those whose range the
verifier asks for.
"""

from __future__ import annotations

from pyzbpf.finish.analysis import registers
from pyzbpf.finish.analysis.flow import is_trap, predecessors
from pyzbpf.finish.analysis.registers import ALU, ALU64, CALLER_SAVED, FRAME, LDX, ST, STX
from pyzbpf.insn.instruction import CALL, EXIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyzbpf.finish.code import Function, Instruction


def wanted(function: Function, following: Sequence[Sequence[int]]) -> list[frozenset[int]]:
    """For each instruction, the places (registers, and stack words by their offsets) of which that is so."""
    found = [frozenset[int]()] * len(following)
    before = predecessors(following)
    waiting = list(range(len(following)))
    while waiting:
        index = waiting.pop()
        behind = frozenset[int]().union(*(found[target] for target in following[index]))
        asked = _before(function.instructions[index], behind)
        if asked != found[index]:
            found[index] = asked
            waiting.extend(before[index])
    return found


def _before(instruction: Instruction, behind: frozenset[int]) -> frozenset[int]:
    opcode, group = instruction.opcode, instruction.opcode & 7
    if is_trap(instruction):
        return frozenset()
    if opcode == CALL:
        return behind - {*CALLER_SAVED} | {1, 2, 3, 4, 5}
    if opcode == EXIT:
        return frozenset((0,))
    written = registers.writes(instruction)
    asked = behind - written
    if group in (ALU, ALU64):
        return asked | registers.reads(instruction) - {FRAME} if written & behind else asked
    if group == LDX:
        if instruction.source != FRAME:
            return asked | {instruction.source}
        return asked | {instruction.offset} if written & behind else asked
    if group in (ST, STX):
        if instruction.destination != FRAME:
            return asked | {instruction.destination}
        if group == STX and instruction.offset in behind:
            asked = asked - {instruction.offset} | {instruction.source}
        return asked
    if instruction.is_jump and opcode & 8:
        return asked | registers.reads(instruction)
    return asked
