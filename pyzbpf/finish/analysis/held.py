"""What a function holds at a place and must give back before it ends: ring-buffer records, sockets.

A forward analysis of what is certain on every way to an instruction: which call acquired something,
whether it was null, and which registers and stack words have the pointer. Where the ways disagree the
state is unclear, and a trap there is refused.
"""

from __future__ import annotations

from pyzbpf.finish.analysis import registers
from pyzbpf.finish.analysis.flow import is_trap, successors
from pyzbpf.finish.analysis.registers import (
    ADD64_IMMEDIATE,
    CALLER_SAVED,
    EQUAL_ZERO,
    FRAME,
    LOAD64,
    MOV64,
    MOV64_IMMEDIATE,
    NOT_ZERO,
    STORE64,
    STORE64_IMMEDIATE,
)
from pyzbpf.finish.analysis.things import ACQUIRE, MAYBE, REGIONS, RELEASE, THERE, UNCLEAR, ZERO, State, Thing
from pyzbpf.insn.instruction import CALL, EXIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyzbpf.finish.code import Function, Instruction


class Holdings:
    """The analysis of all functions; `states` is the question."""

    def __init__(self, functions: Iterable[Function]) -> None:
        self._things: dict[tuple[Instruction | None, int], Thing] = {}
        self._summaries: dict[Function, _Summary] = {}
        self._concerned = _concerned(list(functions))

    def states(self, function: Function) -> dict[Instruction, State]:
        """What is known before each instruction that can be reached; empty where the function, with what
        it calls, acquires and gives back nothing.
        """
        if function not in self._concerned:
            return {}
        found = self._walk(function, self._owned_arguments(function))
        return {function.instructions[index]: state for index, state in found.items()}

    def _owned_arguments(self, function: Function) -> State:
        """The arguments that the function gives back on every way: at a trap they are its own to give back."""
        summary = self._summary(function)
        state = State()
        for register in summary.released:
            thing = self._thing(None, register, ("ring-buffer record", 133, True))
            state.states[thing] = MAYBE
            state.places[register] = thing, 0
        return state

    def _thing(self, acquired: Instruction | None, register: int, how: tuple[str, int, bool]) -> Thing:
        name, release, flags = how
        return self._things.setdefault(
            (acquired, register), Thing(acquired, name, release, flags=flags)
        )  # fmt: skip

    def _summary(self, function: Function) -> _Summary:
        if function not in self._summaries:
            self._summaries[function] = _Summary()  # against recursion
            if function in self._concerned:
                self._summaries[function] = self._summarize(function)
        return self._summaries[function]

    def _summarize(self, function: Function) -> _Summary:
        start = State()
        arguments = {}
        for register in range(1, 6):
            arguments[register] = self._thing(None, register, ("ring-buffer record", 133, True))
            start.states[arguments[register]] = MAYBE  # if it is a pointer at all
            start.places[register] = arguments[register], 0
        summary = _Summary()
        ends = [
            state
            for index, state in self._walk(function, start).items()
            if function.instructions[index].opcode == EXIT
        ]
        for register, thing in arguments.items():
            left = {state.states.get(thing) for state in ends}
            if left == {None}:
                summary.released.append(register)
            elif left & {None, UNCLEAR}:
                summary.unclear.append(register)
        for state in ends:
            returned = state.places.get(0)
            if returned is not None and returned[0] is not None and returned[0].acquired is not None:
                summary.returned = returned[0]
        return summary

    def _walk(self, function: Function, start: State) -> dict[int, State]:
        following = successors(function)
        states = {0: start}
        waiting = [0]
        while waiting:
            index = waiting.pop()
            instruction = function.instructions[index]
            after = states[index].copy()
            self._step(after, instruction)
            for target in dict.fromkeys(following[index]):
                state = _on_way(after, instruction, taken=target != index + 1)
                if state is None:
                    continue
                if target not in states:
                    states[target] = state.copy()
                    waiting.append(target)
                elif states[target].join(state):
                    waiting.append(target)
        return states

    def _step(self, state: State, instruction: Instruction) -> None:
        if instruction.opcode == CALL and not is_trap(instruction):
            self._call(state, instruction)
            return
        _move(state, instruction)

    def _call(self, state: State, call: Instruction) -> None:
        number = _number(call)
        acquired = None
        if call.callee is not None:
            acquired = self._called(state, call)
        elif number in RELEASE:
            given, _ = state.places.get(1, ZERO)
            if given is not None:
                state.drop(given)
        elif number in ACQUIRE:
            release, flags, name = ACQUIRE[int(number)]
            acquired = self._thing(call, 0, (name, release, flags))
        for name, first, last in REGIONS:
            if number == first:
                state.states[self._thing(call, -1, (name, 0, False))] = THERE
            elif number in last:
                for thing in [t for t in state.states if t.name == name and not t.release]:
                    state.drop(thing)
        for register in CALLER_SAVED:
            state.places.pop(register, None)
        if acquired is not None:
            state.drop(acquired)  # the one of the round before, if this is a loop
            state.states[acquired] = MAYBE
            state.places[0] = acquired, 0

    def _called(self, state: State, call: Instruction) -> Thing | None:
        """What a function of the object does to what it is given, and what it returns."""
        assert call.callee is not None
        summary = self._summary(call.callee)
        for register in (*summary.released, *summary.unclear):
            thing, _ = state.places.get(register, ZERO)
            if thing is not None:
                state.drop(thing)
                if register in summary.unclear:
                    state.states[thing] = UNCLEAR
        found = summary.returned
        return self._thing(call, 0, (found.name, found.release, found.flags)) if found else None


class _Summary:
    """Of a function: the argument registers whose record it gives back, those of which that is not
    certain, and what it returns that must be given back.
    """

    __slots__ = ("released", "returned", "unclear")

    def __init__(self) -> None:
        self.released: list[int] = []
        self.unclear: list[int] = []
        self.returned: Thing | None = None


_MOVES_IMMEDIATE = (MOV64_IMMEDIATE, 0xB4)  # of all 64 bits, of the lower half


def _move(state: State, instruction: Instruction) -> None:
    """Follow the pointer through a move, an addition, a spill or a reload; any other write ends it."""
    opcode, places = instruction.opcode, state.places
    found = None
    if opcode == MOV64 and not instruction.offset:
        found = places.get(instruction.source)
    elif opcode == LOAD64 and instruction.source == FRAME:
        found = places.get(instruction.offset)
    elif opcode in _MOVES_IMMEDIATE and not instruction.immediate:
        found = ZERO
    elif opcode == ADD64_IMMEDIATE and places.get(instruction.destination, ZERO) != ZERO:
        thing, distance = places[instruction.destination]
        found = thing, distance + instruction.immediate
    overwritten = registers.stores_to_stack(instruction)
    if overwritten is not None:
        for place in [p for p in places if p < 0 and p < overwritten.stop and overwritten.start < p + 8]:
            del places[place]
        if opcode == STORE64 and instruction.source in places:
            places[instruction.offset] = places[instruction.source]
        elif opcode == STORE64_IMMEDIATE and not instruction.immediate:
            places[instruction.offset] = ZERO
    for register in registers.writes(instruction):
        places.pop(register, None)
    if found is not None:
        places[instruction.destination] = found


def _on_way(state: State, instruction: Instruction, *, taken: bool) -> State | None:
    """What a test for null tells on one of its two ways; None: that way is never gone."""
    if instruction.opcode not in (EQUAL_ZERO, NOT_ZERO) or instruction.immediate:
        return state
    thing, distance = state.places.get(instruction.destination, ZERO)
    if thing is None or distance or thing.acquired is None:
        return state
    is_null = taken == (instruction.opcode == EQUAL_ZERO)
    known = state.states.get(thing)
    if known == THERE and is_null:
        return None
    if known == MAYBE:
        state = state.copy()
        if is_null:
            state.is_null(thing)
        else:
            state.states[thing] = THERE
    return state


def _concerned(functions: list[Function]) -> set[Function]:
    """The functions that acquire or give back something, and those that call one."""
    numbers: set[int | str] = {*ACQUIRE, *RELEASE}
    for _, first, last in REGIONS:
        numbers |= {first, *last}
    found: set[Function] = set()
    grown = True
    while grown:
        grown = False
        for function in functions:
            if function not in found and any(_concerns(i, numbers, found) for i in function.instructions):
                found.add(function)
                grown = True
    return found


def _concerns(instruction: Instruction, numbers: set[int | str], found: set[Function]) -> bool:
    if instruction.opcode != CALL:
        return False
    if instruction.callee is not None:
        return instruction.callee in found
    return _number(instruction) in numbers


def _number(call: Instruction) -> int | str | None:
    """A helper's number or a kernel function's name; None: a function of the object (its immediate is a distance)."""
    if call.callee is not None:
        return None
    return call.immediate if call.symbol is None else call.symbol.name
