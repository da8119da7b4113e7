"""A function of the finisher's instructions, carried out on numbers: what it returns, or where it traps."""

from __future__ import annotations

import operator

from pyzbpf.finish.flow import is_trap
from pyzbpf.finish.liveness import uses
from pyzbpf.finish.registers import ALU, ALU64, JMP32
from pyzbpf.insn.instruction import EXIT, JA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyzbpf.finish.code import Function

_OPERATIONS = {
    0x00: operator.add,
    0x10: operator.sub,
    0x40: operator.or_,
    0x50: operator.and_,
    0xA0: operator.xor,
    0xB0: lambda _, value: value,
}
_COMPARISONS = {
    0x10: operator.eq,
    0x20: operator.gt,
    0x30: operator.ge,
    0x40: lambda one, other: one & other != 0,
    0x50: operator.ne,
    0xA0: operator.lt,
    0xB0: operator.le,
}


def run(function: Function, arguments: Sequence[int]) -> tuple[object, ...]:
    """("exit", r0) or ("trap", the operands that its mark names); registers begin with ``arguments``."""
    places = {instruction: index for index, instruction in enumerate(function.instructions)}
    registers = list(arguments)
    index = 0
    for _ in range(10_000):
        instruction = function.instructions[index]
        group, operation = instruction.opcode & 7, instruction.opcode & 0xF0
        bits = 32 if group in (ALU, JMP32) else 64
        mask = (1 << bits) - 1
        if instruction.opcode == EXIT:
            return "exit", registers[0]
        if is_trap(instruction):
            return (
                "trap",
                *(registers[r] for r in sorted(uses(instruction))),
                *(m.text for m in instruction.marks),
            )
        one = registers[instruction.destination] & mask
        other = (registers[instruction.source] if instruction.opcode & 8 else instruction.immediate) & mask
        index += 1
        if group in (ALU, ALU64):
            registers[instruction.destination] = _OPERATIONS[operation](one, other) & mask
        elif instruction.opcode == JA or _COMPARISONS[operation](one, other):
            assert instruction.target is not None
            index = places[instruction.target]
    raise AssertionError("does not end")
