"""Conditional jumps: the opposite condition, and what a test of a known number comes to."""

from __future__ import annotations

from pyzbpf.finish.analysis.registers import ALU, JMP, JMP32
from pyzbpf.insn.instruction import JA, JA32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Code, Instruction

_OPERATION = 0xF0
_EQUAL, _NOT_EQUAL = 0x10, 0x50
_BYTE_SWAP = 0xD0
# Equal, above, above or equal, and the latter two signed, with their opposites; BPF_JSET has none.
_PAIRS = ((_EQUAL, _NOT_EQUAL), (0x20, 0xB0), (0x30, 0xA0), (0x60, 0xD0), (0x70, 0xC0))
_OPPOSITE = {**dict(_PAIRS), **{other: one for one, other in _PAIRS}}
_SINCE_V2 = frozenset((0xA0, 0xB0, 0xC0, 0xD0))  # below: cpu v2, Linux 4.14


def is_conditional(instruction: Instruction) -> bool:
    """Whether there are two ways behind it."""
    return instruction.is_jump and instruction.opcode not in (JA, JA32)


def speaks_v2(code: Code) -> bool:
    """Whether the compiler was free to use all the comparisons of cpu v2: it did, or it used what v3 has."""
    return any(_is_since_v2(instruction) for _, instruction in code.instructions())


def _is_since_v2(instruction: Instruction) -> bool:
    group, operation = instruction.opcode & 7, instruction.opcode & _OPERATION
    if group == JMP:
        return instruction.is_jump and operation in _SINCE_V2
    return group == JMP32 or (
        group == ALU and operation != _BYTE_SWAP
    )  # what v1 swaps bytes with is of this class


def opposite(instruction: Instruction, *, v2: bool) -> int | None:
    """The opcode of the jump with the opposite condition; None: there is none (for this cpu)."""
    operation = _OPPOSITE.get(instruction.opcode & _OPERATION)
    if operation is None or (operation in _SINCE_V2 and not v2):
        return None
    return instruction.opcode & ~_OPERATION | operation


def tests_equality(instruction: Instruction) -> bool:
    """Whether it compares a register with a constant for being the same, or for not."""
    return (
        is_conditional(instruction)
        and not instruction.opcode & 0x08  # by an immediate
        and instruction.opcode & _OPERATION in (_EQUAL, _NOT_EQUAL)
    )


def is_taken(test: Instruction, value: int) -> bool:
    """Where such a test goes for a small number that is not negative."""
    return (value == test.immediate) == (test.opcode & _OPERATION == _EQUAL)
