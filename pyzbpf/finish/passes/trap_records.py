"""What must be given back at a trap can still be found there.

Behind the jump that decides, LLVM needs the pointer to a ring-buffer record no more, and may put an
operand of the trap into its register. There it is moved to another one before.
"""

from __future__ import annotations

from pyzbpf.finish import registers
from pyzbpf.finish.code import Instruction
from pyzbpf.finish.flow import is_trap
from pyzbpf.finish.held import Holdings
from pyzbpf.finish.registers import FRAME, MOV64
from pyzbpf.finish.things import UNCLEAR
from pyzbpf.insn.instruction import CALL, EXIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyzbpf.finish.code import Function
    from pyzbpf.finish.things import State, Thing
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    if not any(is_trap(instruction) for _, instruction in unit.code.instructions()):
        return
    holdings = Holdings(unit.code.functions)
    for function in unit.code.functions:
        states = holdings.states(function)
        for trap in [i for i in states if is_trap(i)]:
            for thing, known in states[trap].states.items():
                if known != UNCLEAR and thing.release and not states[trap].find(thing):
                    _save(function, states, trap, thing)


def _save(function: Function, states: Mapping[Instruction, State], trap: Instruction, thing: Thing) -> None:
    """Copy the pointer before it is overwritten, in the straight way to the trap."""
    way = _way_to(function, trap)
    for index in range(len(way) - 1, -1, -1):
        known = [p for p in (states[way[index]].find(thing) if way[index] in states else []) if p[0] >= 0]
        if not known:
            continue
        kept = {place for place in states[way[index]].places if place >= 0}
        for instruction in way[index:]:
            kept |= registers.reads(instruction) | registers.writes(instruction)
        kept |= {int(word[1:]) for mark in trap.marks for word in mark.text.split(" ")[1:]}
        free = [register for register in range(FRAME - 1, -1, -1) if register not in kept]
        if free:
            copy = Instruction(MOV64, destination=free[0], source=known[0][0])
            function.insert(way[index], [copy])
        return


def _way_to(function: Function, trap: Instruction) -> list[Instruction]:
    """The instructions before the trap that lead there and nowhere else, without the trap."""
    at = function.instructions.index(trap)
    first = at
    while first and not _turns(function.instructions[first - 1]):
        first -= 1
    return function.instructions[first:at]


def _turns(instruction: Instruction) -> bool:
    return instruction.is_jump or instruction.opcode in (CALL, EXIT)
