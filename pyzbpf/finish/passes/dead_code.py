"""No instruction behind a trap that nothing jumps to.

LLVM ends a function with `exit` even where the last call is a trap, and leaves traps behind code that
never goes on. The kernel says "unreachable insn". Functions that trap nowhere stay as they are.
"""

from __future__ import annotations

from pyzbpf.finish.analysis.flow import endless, is_trap, reachable, successors
from pyzbpf.insn.instruction import CALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Function, Instruction
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    if not any(is_trap(instruction) for _, instruction in unit.code.instructions()):
        return
    without_return = endless(unit.code)

    def ends(instruction: Instruction) -> bool:
        return is_trap(instruction) or (instruction.opcode == CALL and instruction.callee in without_return)

    for function in unit.code.functions:
        if any(map(ends, function.instructions)):
            _keep(function, reachable(successors(function, ends)))


def _keep(function: Function, alive: set[int]) -> None:
    """Delete the others; a line record that also counted for what follows stays with that."""
    kept: list[Instruction] = []
    pending = None
    for index, instruction in enumerate(function.instructions):
        if index not in alive:
            pending = instruction.line or pending
            continue
        instruction.line = instruction.line or pending
        pending = None
        kept.append(instruction)
    function.instructions[:] = kept
