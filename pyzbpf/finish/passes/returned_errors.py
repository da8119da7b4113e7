"""The ways on which a program returns an error lead apart to its exits, where something is held on one only.

Zig puts an error with its value into a constant, lets the ways meet with the constant's address, and asks
there for the error; LLVM leaves that so. Whether a ring-buffer record is held is known before they meet:
a way of which the constant, and so the error, is certain gets an exit of its own.
"""

from __future__ import annotations

from collections import Counter

from pyzbpf.finish.analysis.branches import is_conditional
from pyzbpf.finish.analysis.certain import Certainties, outcome
from pyzbpf.finish.analysis.held import Holdings
from pyzbpf.finish.analysis.registers import FRAME, ST, STX
from pyzbpf.finish.analysis.roles import is_returned_error
from pyzbpf.finish.analysis.things import THERE, UNCLEAR
from pyzbpf.insn.instruction import CALL, EXIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyzbpf.finish.analysis.certain import Known
    from pyzbpf.finish.analysis.things import State, Thing
    from pyzbpf.finish.code import Function, Instruction
    from pyzbpf.finish.unit import Unit


# How many instructions behind one edge are looked at: more than there is for fifty errors.
_LONGEST = 200


def run(unit: Unit) -> None:
    if not any(is_returned_error(instruction) for _, instruction in unit.code.instructions()):
        return
    holdings = Holdings(unit.code.functions)
    for function in unit.code.functions:
        states = holdings.states(function)
        if any(UNCLEAR in states[trap].states.values() for trap in states if is_returned_error(trap)):
            part(unit, function)


def part(unit: Unit, function: Function) -> None:
    """Give each way into a place where ways meet that is certain to end with an error that end."""
    ways = _Ways(unit, function)
    entries = Counter(end for _, end in ways.edges)
    parted = [
        (ways.code[start], ways.code[end], ways.to_errors(start, end))
        for start, end in ways.edges
        if entries[end] > 1 and not (end == start + 1 and ways.code[start].target is ways.code[end])
    ]
    for before, after, copied in parted:
        if copied and before.target is after:
            before.target = copied[0]
            function.instructions += copied
        elif copied:
            at = function.instructions.index(before) + 1
            function.instructions[at:at] = copied


def forgotten(
    unit: Unit, function: Function, states: Mapping[Instruction, State], thing: Thing
) -> Instruction | None:
    """Where a way begins that is certain to return no error, with a thing still held; None: there is none."""
    ways = _Ways(unit, function)
    for start, end in ways.edges:
        instruction = ways.code[start]
        is_held = instruction in states and states[instruction].states.get(thing) == THERE
        if is_held and instruction.opcode != CALL and ways.is_to_exit(start, end):
            return instruction
    return None


class _Ways:
    """What ways of a function come to."""

    def __init__(self, unit: Unit, function: Function) -> None:
        self.code = function.instructions[:]
        self._certain = Certainties(unit, function)
        self.edges = self._certain.edges()
        self._places = {instruction: index for index, instruction in enumerate(self.code)}
        self._left = 0

    def to_errors(self, start: int, end: int) -> list[Instruction]:
        """A copy of what is done behind an edge until the exits of errors; nothing where the way may lead elsewhere."""
        self._left = _LONGEST
        return self._followed(end, self._certain.on_edge(start, end))

    def is_to_exit(self, start: int, end: int) -> bool:
        """Whether nothing is called behind an edge until the function returns."""
        index, known = end, self._certain.on_edge(start, end)
        for _ in range(_LONGEST):
            instruction = self.code[index]
            if instruction.opcode in (CALL, EXIT):
                return instruction.opcode == EXIT
            if not instruction.is_jump:
                self._certain.step(known, instruction)
                index += 1
                continue
            assert instruction.target is not None
            taken = not is_conditional(instruction) or outcome(known, instruction)
            if taken is None:
                return False
            index = self._places[instruction.target] if taken else index + 1
        return False

    def _followed(self, index: int, known: Known) -> list[Instruction]:
        passed: list[Instruction] = []
        while self._left:
            self._left -= 1
            instruction = self.code[index]
            if is_returned_error(instruction):
                # What only computes is for nothing now.
                kept = passed if any(map(_is_seen_by_others, passed)) else []
                return [one.copy() for one in (*kept, instruction)]
            if instruction.opcode in (CALL, EXIT) or instruction.core is not None:
                return []
            if not instruction.is_jump:
                self._certain.step(known, instruction)
                passed.append(instruction)
                index += 1
                continue
            assert instruction.target is not None
            there = self._places[instruction.target]
            taken = not is_conditional(instruction) or outcome(known, instruction)
            if taken is None:  # which error it is, is known when the program runs
                return self._parted(passed, index, there, known)
            index = there if taken else index + 1
        return []

    def _parted(self, passed: list[Instruction], index: int, there: int, known: Known) -> list[Instruction]:
        on, aside = (
            self._followed(way, self._certain.after(known, index, way)) for way in (index + 1, there)
        )
        if not on or not aside:
            return []
        test = self.code[index].copy()
        test.target = aside[0]
        return [*(one.copy() for one in passed), test, *on, *aside]


def _is_seen_by_others(instruction: Instruction) -> bool:
    return instruction.opcode & 7 in (ST, STX) and instruction.destination != FRAME
