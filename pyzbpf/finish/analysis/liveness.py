"""Whether the value of a register is still wanted at a place."""

from __future__ import annotations

from pyzbpf.finish.analysis import registers
from pyzbpf.finish.analysis.flow import is_trap, walk
from pyzbpf.finish.analysis.roles import operands
from pyzbpf.insn.instruction import CALL, EXIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyzbpf.finish.code import Function, Instruction

_ARGUMENTS = frozenset(range(1, 6))  # r1 to r5


def uses(instruction: Instruction) -> set[int]:
    """The registers that an instruction may read: of a call all that could be arguments, of a trap the
    operands that its mark names.
    """
    if is_trap(instruction):
        return operands(instruction)
    return set(_ARGUMENTS) if instruction.opcode == CALL else registers.reads(instruction)


def is_live(
    function: Function,
    following: Sequence[Sequence[int]],
    register: int,
    starts: Iterable[int],
    *,
    result_counts: bool = True,
) -> bool:
    """Whether any way from these indices reads the register before it gets another value.

    ``result_counts`` tells whether the function's own result is wanted by anybody.
    """
    code = function.instructions
    still_there = walk(following, starts, lambda index: register not in registers.writes(code[index]))
    return any(
        register in uses(code[index]) and (result_counts or code[index].opcode != EXIT)
        for index in still_there
    )
