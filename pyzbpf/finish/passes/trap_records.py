"""What must be given back at a trap can still be found there.

Where a check is certain to fail LLVM needs the pointer to a ring-buffer record no more. It may put an
operand of the trap into its register: there it is moved to another one before. Or the pointer does not
outlive a call, or lies here in one round of an unrolled loop and there in another: then it is kept in the
stack from the call on that acquires it.
"""

from __future__ import annotations

from pyzbpf.finish.analysis import registers
from pyzbpf.finish.analysis.flow import is_trap
from pyzbpf.finish.analysis.frames import make_room
from pyzbpf.finish.analysis.held import Holdings
from pyzbpf.finish.analysis.registers import FRAME, MOV64, STORE64
from pyzbpf.finish.analysis.roles import operands
from pyzbpf.finish.analysis.things import UNCLEAR
from pyzbpf.finish.code import Instruction
from pyzbpf.insn.instruction import CALL, EXIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyzbpf.finish.analysis.things import State, Thing
    from pyzbpf.finish.code import Function
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    if not any(is_trap(instruction) for _, instruction in unit.code.instructions()):
        return
    holdings = Holdings(unit.code.functions)
    for function in unit.code.functions:
        states = holdings.states(function)
        for trap in [i for i in states if is_trap(i)]:
            for thing, known in states[trap].states.items():
                if known != UNCLEAR and thing.is_pointer and not states[trap].find(thing):
                    _save(function, states, trap, thing)
    holdings = Holdings(unit.code.functions)
    for function in unit.code.functions:
        states = holdings.states(function)
        if any(_is_lost(states[trap]) for trap in states if is_trap(trap)):
            _keep(unit, function, states)


def _is_lost(state: State) -> bool:
    """Whether there is something to give back, and nobody knows where."""
    return any(
        thing.is_pointer and (known == UNCLEAR or not state.find(thing))
        for thing, known in state.states.items()
    )


def _keep(unit: Unit, function: Function, states: Mapping[Instruction, State]) -> None:
    """Store the pointer to each thing that the function acquires; those never held together share a word."""
    held = {thing.acquired: thing for state in states.values() for thing in state.states if thing.is_pointer}
    certain = [{t for t, known in state.states.items() if known != UNCLEAR} for state in states.values()]
    words: list[list[Thing]] = []
    # In the order of the code, so that the rounds of an unrolled loop come to the same words.
    for thing in (held[call] for call in function.instructions if call in held):
        met = {other for found in certain if thing in found for other in found}
        word = next((word for word in words if met.isdisjoint(word)), None)
        if word is None:
            words.append(word := [])
        word.append(thing)
    make_room(unit, function, 8 * len(words))
    for number, word in enumerate(words, 1):
        for thing in word:
            assert thing.acquired is not None
            after = function.instructions.index(thing.acquired) + 1
            store = Instruction(STORE64, destination=FRAME, source=0, offset=-8 * number)
            function.instructions.insert(after, store)


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
        kept |= operands(trap)
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
