"""Which line record counts for an instruction, and how another one is given to it alone."""

from __future__ import annotations

from pyzbpf.finish.analysis.roles import authors_call
from pyzbpf.finish.code import Line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyzbpf.finish.code import Function, Instruction
    from pyzbpf.finish.unit import Unit


class Texts:
    """The source text of lines: as a record has it, or the source itself."""

    def __init__(self, unit: Unit) -> None:
        self.read = unit.source_line
        lines = [i.line for _, i in unit.code.instructions() if i.line is not None]
        self.known = {(line.file, line.position >> 10): line.text for line in lines}

    def of(self, line: Line) -> str:
        found = self.known.get((line.file, line.position >> 10))
        return found or (self.read(line.file, line.position >> 10) if self.read is not None else "")

    def of_call(self, instruction: Instruction) -> Line | None:
        """A record of the author's call that the instruction comes from; None where that or its text is not known."""
        call = authors_call(instruction)
        text = self.of(call) if call is not None else ""
        return Line(call.file, text, call.position) if call is not None and text else None


def in_force(function: Function) -> list[Line | None]:
    """For each instruction the record that counts: its own, or the last one before it."""
    found: list[Line | None] = []
    last = None
    for instruction in function.instructions:
        line = instruction.line
        if line is not None and line.position >> 10:
            last = line
        found.append(last)
    return found


def give_line(function: Function, index: int, line: Line | None, counting: Sequence[Line | None]) -> None:
    """Put a record on one instruction; what follows it keeps the one that counted there."""
    following = function.instructions[index + 1 : index + 2]
    if following and following[0].line is None:
        following[0].line = counting[index + 1]  # it had no record of its own
    function.instructions[index].line = line
