"""A trap's line is that of the check that leads to it.

Its own record names the SDK's panic namespace, which was inlined. DWARF tells from where; without it the
conditional jump that decides stands under the author's line, and the way goes back to it.

A trap without the SDK's mark (`@trap()`) has its own record, or none where LLVM has merged it with others.
Then its place is not known: the last line before it is another's. Nor is that of an error that a program returns:
all ways on which it returns it meet in one trap.
"""

from __future__ import annotations

from pyzbpf.finish.analysis.flow import is_trap, predecessors, successors, walk
from pyzbpf.finish.analysis.places import Texts, give_line, in_force
from pyzbpf.finish.analysis.roles import (
    FOREIGN_FILES,
    SDK_FILES,
    UNKNOWN,
    authors_call,
    is_marked,
    is_returned_error,
)
from pyzbpf.insn.instruction import JA, JA32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyzbpf.finish.code import Function, Instruction, Line
    from pyzbpf.finish.unit import Unit

# The file in which traps are made, as `lines` has written it.
NAMESPACE = SDK_FILES + "bpf/panic.zig"


def run(unit: Unit) -> None:
    found = [f for f in unit.code.functions if any(map(is_trap, f.instructions))]
    if found:
        texts = Texts(unit)
        for function in found:
            _name_lines(function, texts)


def _name_lines(function: Function, texts: Texts) -> None:
    instructions = function.instructions
    for trap in filter(is_trap, instructions):
        if (trap.line is None and not is_marked(trap)) or is_returned_error(trap):
            trap.line, trap.calls = UNKNOWN, []
    counting = in_force(function)
    before = predecessors(successors(function))
    for index, instruction in enumerate(instructions):
        if not is_trap(instruction) or instruction.line is UNKNOWN:
            continue
        line = counting[index]
        if line is None or line.file.startswith(FOREIGN_FILES):
            line = (
                _line_of_call(instruction, texts) or _line_of_check(function, before, counting, index) or line
            )
        else:
            instruction.calls = []
        if line is not instruction.line:
            give_line(function, index, line, counting)


def _line_of_call(trap: Instruction, texts: Texts) -> Line | None:
    """As DWARF has it. A record needs the text of the line, too; without, the place stays in ``calls``."""
    call, line = authors_call(trap), texts.of_call(trap)
    trap.calls = [call] if call is not None and line is None else []
    return line


def _line_of_check(
    function: Function, before: Sequence[Sequence[int]], counting: Sequence[Line | None], trap: int
) -> Line | None:
    """The line of the nearest conditional jump on the way to the trap."""
    for index in walk(before, [trap]):
        instruction = function.instructions[index]
        if instruction.is_jump and instruction.opcode not in (JA, JA32):
            return _authors_line(counting, index)
    return _authors_line(counting, trap)


def _authors_line(counting: Sequence[Line | None], index: int) -> Line | None:
    """The last record up to here that is not the SDK's: its inline functions check for the author."""
    fallback = None
    for line in reversed(counting[: index + 1]):
        if line is not None and line.file != NAMESPACE:
            if not line.file.startswith(FOREIGN_FILES):
                return line
            fallback = fallback or line
    return fallback
