"""A trap's line is that of the check that leads to it.

Its own record names the SDK's panic namespace, where it was inlined from. The conditional jump that
decides stands under the author's line; so the way goes back to it.
"""

from __future__ import annotations

from pyzbpf.finish.code import JA, JA32, Line
from pyzbpf.finish.flow import is_trap, predecessors, successors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyzbpf.finish.code import Function
    from pyzbpf.finish.unit import Unit

# As `lines` has written them: of the SDK's files, and of the one in which traps are made.
_SDK = "pyzbpf/zig/"
_NAMESPACE = _SDK + "bpf/panic.zig"


def run(unit: Unit) -> None:
    for function in unit.code.functions:
        if any(map(is_trap, function.instructions)):
            _name_lines(function)


def _name_lines(function: Function) -> None:
    instructions = function.instructions
    in_force = _in_force([instruction.line for instruction in instructions])
    before = predecessors(successors(function))
    for index, instruction in enumerate(instructions):
        if not is_trap(instruction):
            continue
        line = in_force[index]
        if line is None or line.file == _NAMESPACE:
            line = _line_of_check(function, before, in_force, index) or line
        if line is instruction.line:
            continue
        if index + 1 < len(instructions) and instructions[index + 1].line is None:
            instructions[index + 1].line = in_force[index + 1]  # it had no record of its own
        instruction.line = line


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
    seen: set[int] = set()
    waiting = [trap]
    while waiting:
        index = waiting.pop()
        if index in seen:
            continue
        seen.add(index)
        instruction = function.instructions[index]
        if instruction.is_jump and instruction.opcode not in (JA, JA32):
            return _authors_line(in_force, index)
        waiting.extend(before[index])
    return _authors_line(in_force, trap)


def _authors_line(in_force: Sequence[Line | None], index: int) -> Line | None:
    """The last record up to here that is not the SDK's: its inline functions check for the author."""
    fallback = None
    for line in reversed(in_force[: index + 1]):
        if line is not None and line.file != _NAMESPACE:
            if not line.file.startswith(_SDK):
                return line
            fallback = fallback or line
    return fallback
