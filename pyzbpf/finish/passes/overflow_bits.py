"""An overflow check is one jump.

LLVM's BPF backend puts the bit "it has overflowed" into a register and then compares that register:

    w2 = 1; if r1 == 0 goto join; w2 = 0; join: if w2 != 1 goto on; trap

Where nothing else looks at the bit, the jump that sets it decides itself: `if r1 != 0 goto on; trap`.
Without this pass all works, with three instructions more for each check.
"""

from __future__ import annotations

from typing import NamedTuple

from pyzbpf.finish.analysis import registers
from pyzbpf.finish.analysis.branches import is_conditional, is_taken, opposite, speaks_v2, tests_equality
from pyzbpf.finish.analysis.flow import is_trap, predecessors, successors
from pyzbpf.finish.analysis.liveness import is_live
from pyzbpf.insn.instruction import CALL, EXIT, JA, JA32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyzbpf.finish.code import Function, Instruction
    from pyzbpf.finish.unit import Unit

_MOVES = (0xB4, 0xB7)  # rX = constant, of 32 and of 64 bits
_ANDS = (0x54, 0x57)  # rX &= constant


def run(unit: Unit) -> None:
    v2 = speaks_v2(unit.code)
    for function in unit.code.functions:
        if any(map(is_trap, function.instructions)):
            while _shorten(function, v2=v2):
                pass


def _shorten(function: Function, *, v2: bool) -> bool:
    """Let tests decide themselves; whether there was one."""
    following = successors(function)
    before = predecessors(following)
    useless: set[Instruction] = set()
    tests: set[Instruction] = set()
    for index in range(1, len(function.instructions) - 1):
        found = _find(function, following, before, index)
        # One that another has just changed waits for the next round.
        if found is None or tests & {found.test, *found.useless} or useless & {found.test, *found.useless}:
            continue
        if _decide(function.instructions[index], found, v2=v2):
            useless.update(found.useless)
            tests.add(found.test)
    function.remove(useless)
    return bool(useless)


class _Bit(NamedTuple):
    """A bit and its one use: ``test`` jumps or not according to ``taken`` (for the two ways of the jump that
    sets the bit: if that is taken, and if not); ``useless`` is what goes when it decides itself.
    """

    test: Instruction
    taken: tuple[bool, bool]
    useless: list[Instruction]


def _find(
    function: Function, following: Sequence[Sequence[int]], before: Sequence[Sequence[int]], jump: int
) -> _Bit | None:
    """The bit that a conditional jump sets: `rX = a; jump to join; rX = b; [goto] join`."""
    code = function.instructions
    first, decider, second = code[jump - 1 : jump + 2]
    bit = first.destination
    if not (
        is_conditional(decider) and _is_number(first) and _is_number(second) and second.destination == bit
    ):
        return None
    if bit in registers.reads(decider) or not _is_plain(decider):
        return None
    last = jump + 1  # of the two ways to the join, the one without the jump
    if last + 1 < len(code) and code[last + 1].opcode in (JA, JA32) and before[last + 1] == [last]:
        last += 1
    join = following[last][0] if len(following[last]) == 1 else -1
    if code[join] is not decider.target or sorted(before[join]) != sorted((jump, last)):
        return None
    if before[jump] != [jump - 1] or before[jump + 1] != [jump]:
        return None
    return _follow(function, following, before, join, [first, decider, second])


def _follow(
    function: Function,
    following: Sequence[Sequence[int]],
    before: Sequence[Sequence[int]],
    join: int,
    setters: list[Instruction],
) -> _Bit | None:
    """From the join straight on to the test, if on the way nothing needs the bit or changes the condition."""
    first, decider, second = setters
    bit, values = first.destination, (first.immediate, second.immediate)
    useless = list(setters)
    for index in range(join, len(function.instructions)):
        instruction = function.instructions[index]
        if index != join and before[index] != [index - 1]:
            return None
        if tests_equality(instruction) and instruction.destination == bit:
            taken = is_taken(instruction, values[0]), is_taken(instruction, values[1])
            if taken[0] == taken[1] or is_live(function, following, bit, following[index]):
                return None
            return _Bit(instruction, taken, useless)
        if instruction.is_jump or instruction.opcode in (CALL, EXIT):
            return None
        if instruction.opcode in _ANDS and instruction.destination == bit and _is_plain(instruction):
            values = values[0] & instruction.immediate, values[1] & instruction.immediate
            useless.append(instruction)
            continue
        if bit in registers.reads(instruction) | registers.writes(instruction):
            return None
        if registers.writes(instruction) & registers.reads(decider):
            return None
    return None


def _is_number(instruction: Instruction) -> bool:
    """Whether it sets a register to 0 or 1, and nobody says that a loader puts another number there."""
    return instruction.opcode in _MOVES and instruction.immediate in (0, 1) and _is_plain(instruction)


def _is_plain(instruction: Instruction) -> bool:
    return instruction.core is None and instruction.symbol is None and not instruction.marks


def _decide(decider: Instruction, bit: _Bit, *, v2: bool) -> bool:
    """Let the test look at what decided the bit; whether that could be done."""
    opcode = decider.opcode if bit.taken[0] else opposite(decider, v2=v2)
    if opcode is None:
        return False
    test = bit.test
    test.opcode, test.source, test.immediate = opcode, decider.source, decider.immediate
    test.destination = decider.destination
    return True
