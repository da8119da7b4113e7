"""A trap's line is that of the check that leads to it.

Its own record names the SDK's panic namespace, which was inlined. DWARF tells from where; without it the
conditional jump that decides stands under the author's line, and the way goes back to it.

A trap without the SDK's mark (`@trap()`) has its own record, or none where LLVM has merged it with others.
Then its place is not known: the last line before it is another's. Nor is that of an error that a program returns:
all ways on which it returns it meet in one trap.
"""

from __future__ import annotations

from pyzbpf.finish.analysis.flow import is_trap, predecessors, successors, walk
from pyzbpf.finish.analysis.roles import (
    FOREIGN_FILES,
    SDK_FILES,
    UNKNOWN,
    authors_call,
    is_marked,
    is_returned_error,
)
from pyzbpf.finish.code import Line
from pyzbpf.insn.instruction import JA, JA32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyzbpf.finish.code import Function, Instruction
    from pyzbpf.finish.unit import Unit

# The file in which traps are made, as `lines` has written it.
NAMESPACE = SDK_FILES + "bpf/panic.zig"


def run(unit: Unit) -> None:
    found = [f for f in unit.code.functions if any(map(is_trap, f.instructions))]
    if found:
        texts = _Texts(unit)
        for function in found:
            _name_lines(function, texts)


class _Texts:
    """The source text of lines: as a record has it, or the source itself."""

    def __init__(self, unit: Unit) -> None:
        self.read = unit.source_line
        lines = [i.line for _, i in unit.code.instructions() if i.line is not None]
        self.known = {(line.file, line.position >> 10): line.text for line in lines}

    def of(self, line: Line) -> str:
        found = self.known.get((line.file, line.position >> 10))
        return found or (self.read(line.file, line.position >> 10) if self.read is not None else "")


def _name_lines(function: Function, texts: _Texts) -> None:
    instructions = function.instructions
    for trap in filter(is_trap, instructions):
        if (trap.line is None and not is_marked(trap)) or is_returned_error(trap):
            trap.line, trap.calls = UNKNOWN, []
    in_force = _in_force([instruction.line for instruction in instructions])
    before = predecessors(successors(function))
    for index, instruction in enumerate(instructions):
        if not is_trap(instruction) or instruction.line is UNKNOWN:
            continue
        line = in_force[index]
        if line is None or line.file.startswith(FOREIGN_FILES):
            line = (
                _line_of_call(instruction, texts) or _line_of_check(function, before, in_force, index) or line
            )
        else:
            instruction.calls = []
        if line is instruction.line:
            continue
        if index + 1 < len(instructions) and instructions[index + 1].line is None:
            instructions[index + 1].line = in_force[index + 1]  # it had no record of its own
        instruction.line = line


def _line_of_call(trap: Instruction, texts: _Texts) -> Line | None:
    """As DWARF has it. A record needs the text of the line, too; without, the place stays in ``calls``."""
    call = authors_call(trap)
    text = texts.of(call) if call is not None else ""
    if call is None or text:
        trap.calls = []
        return Line(call.file, text, call.position) if call is not None else None
    trap.calls = [call]
    return None


def _in_force(lines: Sequence[Line | None]) -> list[Line | None]:
    """For each instruction the record that counts: its own, or the last one before it."""
    found: list[Line | None] = []
    last = None
    for line in lines:
        if line is not None and line.position >> 10:
            last = line
        found.append(last)
    return found


def _line_of_check(
    function: Function, before: Sequence[Sequence[int]], in_force: Sequence[Line | None], trap: int
) -> Line | None:
    """The line of the nearest conditional jump on the way to the trap."""
    for index in walk(before, [trap]):
        instruction = function.instructions[index]
        if instruction.is_jump and instruction.opcode not in (JA, JA32):
            return _authors_line(in_force, index)
    return _authors_line(in_force, trap)


def _authors_line(in_force: Sequence[Line | None], index: int) -> Line | None:
    """The last record up to here that is not the SDK's: its inline functions check for the author."""
    fallback = None
    for line in reversed(in_force[: index + 1]):
        if line is not None and line.file != NAMESPACE:
            if not line.file.startswith(FOREIGN_FILES):
                return line
            fallback = fallback or line
    return fallback
