"""A program that comes to its end without a result ends in a trap.

In the modes without checks LLVM knows that what is always wrong (`x / 0`, `.?` of null) is never done, and
leaves a bare `exit` of the program. The kernel says "R0 !read_ok".
"""

from __future__ import annotations

from pyzbpf.finish.analysis import registers
from pyzbpf.finish.analysis.flow import is_trap, successors, walk
from pyzbpf.finish.analysis.roles import is_program
from pyzbpf.finish.passes.trap_marks import new_trap
from pyzbpf.insn.instruction import EXIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Function, Instruction
    from pyzbpf.finish.unit import Unit

_RESULT = 0  # r0


def run(unit: Unit) -> None:
    for function in unit.code.functions if unit.is_from_zig else ():
        for end in _ends_without(function) if is_program(function) else ():
            trap = new_trap(unit)
            trap.marks, trap.calls = end.marks, end.calls
            function.replace(end, [trap])


def _ends_without(function: Function) -> list[Instruction]:
    """The exits to which no way leads that gives a result."""
    code, following = function.instructions, successors(function)
    giving = {i for i, found in enumerate(code) if _RESULT in registers.writes(found) and not is_trap(found)}
    without = set(walk(following, [0], lambda index: index not in giving)) - set(walk(following, giving))
    return [code[index] for index in sorted(without) if code[index].opcode == EXIT]
