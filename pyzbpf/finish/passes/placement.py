"""The way without failures goes straight on: what traps stands behind the function, and code that is only
jumped to stands where it is jumped from.

Zig gives LLVM many returns where C has one, and a block for each failed check; LLVM lays them out with a
jump around or back to them. Nothing but places and directions of jumps changes here: behind every
instruction comes what came before. Objects of other compilers stay as they are.
"""

from __future__ import annotations

import itertools

from pyzbpf.finish.analysis.branches import is_conditional, opposite, speaks_v2
from pyzbpf.finish.analysis.flow import is_trap
from pyzbpf.finish.analysis.roles import UNKNOWN
from pyzbpf.finish.code import Instruction
from pyzbpf.insn.instruction import EXIT, JA, JA32, SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Function, Line
    from pyzbpf.finish.unit import Unit

# Slots that a jump reaches, with room for what a trap becomes.
_REACH, _ROOM_FOR_TRAP = 30_000, 16


def run(unit: Unit) -> None:
    if not unit.is_from_zig:
        return
    v2 = speaks_v2(unit.code)
    for function in unit.code.functions:
        grown = _ROOM_FOR_TRAP * sum(map(is_trap, function.instructions))
        if function.size // SIZE + grown < _REACH:
            moved = True
            while moved:
                _drop_idle_jumps(function)
                moved = _put_trap_behind(function, v2=v2) or _put_in_place_of_jump(function, v2=v2)


def _drop_idle_jumps(function: Function) -> None:
    """Take out the jumps to where control comes anyhow."""
    while True:
        pairs = itertools.pairwise(function.instructions)
        idle = {one for one, other in pairs if one.target is other and _is_plain(one)}
        if not idle:
            return
        function.remove(idle)


def _put_trap_behind(function: Function, *, v2: bool) -> bool:
    """Move the first piece that traps, and is not there yet, to the end; whether there was one."""
    code = function.instructions
    behind = len(code)
    while behind and is_trap(code[behind - 1]):
        start = _start_of_straight(code, behind - 1)
        if start and not _ends(code[start - 1]):
            break
        behind = start
    for trap in [instruction for instruction in code[:behind] if is_trap(instruction)]:
        start = _start_of_straight(code, code.index(trap))
        if start and is_conditional(code[start - 1]) and _fails(code, code[start - 1].target):
            continue  # both ways trap: there is no better one
        _let_follow(code, start, v2=v2)
        end = code.index(trap) + 1
        start = _start_of_straight(code, end - 1)
        if start and _detach(code, start, end, v2=v2):
            _move(function, start, end, len(code))
            return True
    return False


def _put_in_place_of_jump(function: Function, *, v2: bool) -> bool:
    """Move code that a `goto` leads to, and that could stand anywhere, to its place; whether there was such."""
    code = function.instructions
    places = {instruction: index for index, instruction in enumerate(code)}
    for place in range(len(code) - 1, -1, -1):
        goto = code[place]
        if goto.opcode not in (JA, JA32) or goto.target is None or not _is_plain(goto):
            continue
        start = places[goto.target]
        end = _end_of_run(code, start)
        only_traps = is_trap(code[end - 1]) and _start_of_straight(code, end - 1) <= start
        if not start or start <= place < end or only_traps:
            continue
        if _detach(code, start, end, v2=v2):
            _move(function, start, end, place)
            function.remove((goto,))
            return True
    return False


def _start_of_straight(code: list[Instruction], index: int) -> int:
    """Where the code begins that leads to an instruction, and without a jump nowhere else."""
    while index and not (code[index - 1].is_jump or _ends(code[index - 1])):
        index -= 1
    return index


def _fails(code: list[Instruction], start: Instruction | None) -> bool:
    """Whether straight code leads from an instruction to a trap."""
    index = code.index(start) if start is not None else len(code) - 1
    while not (code[index].is_jump or _ends(code[index])):
        index += 1
    return is_trap(code[index])


def _detach(code: list[Instruction], start: int, end: int, *, v2: bool) -> bool:
    """See to it that control comes to code only by jumps; whether that can be done.

    It comes in from above where a conditional jump leads around it: that then leads to it instead.
    """
    before = code[start - 1]
    if _ends(before):
        return True
    if end == len(code) or not is_conditional(before) or before.target is not code[end]:
        return False
    opcode = opposite(before, v2=v2)
    if opcode is None:
        return False
    before.opcode, before.target = opcode, code[start]
    return True


def _let_follow(code: list[Instruction], start: int, *, v2: bool) -> None:
    """Turn around a jump away from a trap, where it leads to code that could as well follow; a `goto` stands
    there for it then.
    """
    before = code[start - 1]
    opcode = opposite(before, v2=v2) if start and is_conditional(before) else None
    if opcode is None or before.target is None:
        return
    wanted = code.index(before.target)
    end = _end_of_run(code, wanted)
    if not wanted or wanted < start <= end or is_trap(code[end - 1]) or not _ends(code[wanted - 1]):
        return
    goto = Instruction(JA)
    goto.target, before.opcode, before.target = before.target, opcode, code[start]
    code.insert(start, goto)


def _move(function: Function, start: int, end: int, place: int) -> None:
    """Move instructions to before the one at ``place``; all keep their lines."""
    code = function.instructions
    for index in (start, end, place):
        if index < len(code) and code[index].line is None:
            code[index].line = _line_at(code, index)
    moved = code[start:end]
    del code[start:end]
    at = place if place < start else place - len(moved)
    code[at:at] = moved
    for index in (at, at + len(moved), end if at < start else start):
        if 0 < index < len(code) and code[index].line is _line_at(code, index - 1):
            code[index].line = None  # in force anyhow


def _line_at(code: list[Instruction], index: int) -> Line | None:
    """The record that counts for an instruction: its own, or the last one before it."""
    return next((i.line for i in reversed(code[: index + 1]) if i.line not in (None, UNKNOWN)), None)


def _end_of_run(code: list[Instruction], start: int) -> int:
    """The place behind the first instruction from ``start`` on that control does not come past."""
    return next(index for index in range(start, len(code)) if _ends(code[index])) + 1


def _ends(instruction: Instruction) -> bool:
    """Whether control never comes to what stands behind."""
    return instruction.opcode in (JA, JA32, EXIT) or is_trap(instruction)


def _is_plain(instruction: Instruction) -> bool:
    return instruction.core is None and not instruction.marks
