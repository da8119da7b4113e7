"""Whether a function takes a fifth argument: the register in which safe mode passes one of its own."""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.finish.analysis import registers
from pyzbpf.finish.analysis.flow import is_trap, successors, walk
from pyzbpf.insn.instruction import CALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Function, Instruction
    from pyzbpf.finish.unit import Unit

FIFTH = 5  # r5

# Helpers of five arguments, by number (the prototypes of linux/bpf.h; a test holds them to helpers.zig).
HELPERS_OF_FIVE = frozenset(
    (6, 9, 10, 11, 25, 28, 49, 57, 66, 68, 84, 85, 99, 100, 110, 111, 121, 126, 149, 163, 165, 180, 191, 201, 202)
)  # fmt: skip
_CALL_HELPER = 0


def takes_fifth(unit: Unit, function: Function, asked: frozenset[Function] = frozenset()) -> bool:
    """Whether the value that r5 has when the function begins is read, or passed on, on any path."""
    if not function.instructions:
        return False
    code = function.instructions
    still_there = walk(successors(function), [0], lambda index: FIFTH not in registers.writes(code[index]))
    return any(
        FIFTH in registers.reads(code[index]) or _passes_on(unit, code[index], asked | {function})
        for index in still_there
    )


def _passes_on(unit: Unit, instruction: Instruction, asked: frozenset[Function]) -> bool:
    if instruction.opcode != CALL or is_trap(instruction):
        return False
    if instruction.callee is not None:
        return instruction.callee not in asked and takes_fifth(unit, instruction.callee, asked)
    if instruction.symbol is None and instruction.source == _CALL_HELPER:
        return instruction.immediate in HELPERS_OF_FIVE
    return _kernel_function_takes_five(unit, instruction)


def _kernel_function_takes_five(unit: Unit, instruction: Instruction) -> bool:
    """As its prototype says; an unknown one might."""
    for _, found in unit.each(kinds.FUNC):
        if instruction.symbol is not None and found.name == instruction.symbol.name:
            prototype = unit.types[found.type]
            return prototype is not None and len(prototype.parameters) >= FIFTH
    return True
