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
    LDX,
    LOAD64,
    MOV64,
    MOV64_IMMEDIATE,
    NOT_ZERO,
    ST,
    STORE64,
    STORE64_IMMEDIATE,
    STX,
)
from pyzbpf.finish.analysis.things import (
    ACQUIRE,
    MAYBE,
    RELEASE,
    STACK,
    THERE,
    UNCLEAR,
    VARIABLE,
    ZERO,
    Kind,
    State,
    Thing,
    begun,
    ended,
)
from pyzbpf.insn.instruction import CALL, EXIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyzbpf.finish.code import Function, Instruction


class Holdings:
    """The analysis of all functions; `states` is the question."""

    def __init__(self, functions: Iterable[Function]) -> None:
        self._functions = list(functions)
        self._found: dict[Function, dict[Instruction, State]] = {}
        self._things: dict[tuple[Instruction | None, int, Kind], Thing] = {}
        self._taken: dict[Thing, Kind] = {}  # arguments, and as what they are given back
        self._summaries: dict[Function, _Summary] = {}
        self._concerned = _concerned(self._functions)

    def states(self, function: Function) -> dict[Instruction, State]:
        """What is known before each instruction that can be reached; empty where the function, with what
        it calls, acquires and gives back nothing.
        """
        if function not in self._concerned:
            return {}
        if function not in self._found:
            found = self._walk(function, self._owned_arguments(function))
            self._found[function] = {function.instructions[index]: state for index, state in found.items()}
        return self._found[function]

    def returns(self, function: Function) -> bool:
        """Whether the function returns something that must be given back."""
        return self._summary(function).returned is not None

    def _owned_arguments(self, function: Function) -> State:
        """The arguments that the function gives back on every way: at a trap they are its own to give back."""
        summary = self._summary(function)
        state = State()
        for register, kind in summary.released.items():
            thing = self._thing(None, register, kind)
            state.states[thing] = THERE if self._is_there(function, register) else MAYBE
            state.places[register] = thing, 0
        return state

    def _is_there(self, function: Function, register: int) -> bool:
        """Whether every call of the function hands over something that is known not to be null."""
        handed = []
        for caller in self._functions:
            for call in [
                instruction for instruction in caller.instructions if instruction.callee is function
            ]:
                state = self.states(caller).get(call) if call.opcode == CALL else None
                thing, distance = state.places.get(register, ZERO) if state is not None else ZERO
                handed.append(
                    state is not None
                    and thing is not None
                    and not distance
                    and state.states.get(thing) == THERE
                )
        return bool(handed) and all(handed)

    def _thing(self, acquired: Instruction | None, register: int, kind: Kind) -> Thing:
        return self._things.setdefault((acquired, register, kind), Thing(acquired, kind))

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
            arguments[register] = Thing(None, _ARGUMENT)
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
            if left == {None} and thing in self._taken:
                summary.released[register] = self._taken[thing]
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
        _use(state, instruction)
        _move(state, instruction)

    def _call(self, state: State, call: Instruction) -> None:
        number = _number(call)
        acquired = self._called(state, call) if call.callee is not None else None
        if number in RELEASE:
            self._give(state, RELEASE[number], number)
        if number in ACQUIRE:
            acquired = self._thing(call, 0, ACQUIRE[number])
        kind, name = begun(number), ended(number)
        if kind is not None:
            thing = self._thing(call, -1, kind)
            thing.variable = _variable(state, kind.register)
            state.states.pop(thing, None)
            state.states[thing] = THERE
        if name is not None:
            _end(state, name)
        for register in CALLER_SAVED:
            state.places.pop(register, None)
        if acquired is not None:
            state.drop(acquired)  # the one of the round before, if this is a loop
            state.states[acquired] = MAYBE
            state.places[0] = acquired, 0

    def _give(self, state: State, register: int, number: int | str) -> None:
        thing, _ = state.places.get(register, ZERO)
        if thing is None or thing is STACK:
            return
        state.drop(thing)
        if thing.acquired is None:
            kinds = [kind for kind in ACQUIRE.values() if number == kind.release]
            self._taken[thing] = kinds[0] if kinds else _ARGUMENT

    def _called(self, state: State, call: Instruction) -> Thing | None:
        """What a function of the object does to what it is given, and what it returns."""
        assert call.callee is not None
        summary = self._summary(call.callee)
        for register in (*summary.released, *summary.unclear):
            thing, _ = state.places.get(register, ZERO)
            if thing is not None and thing is not STACK:
                state.drop(thing)
                if thing.acquired is None and register in summary.released:
                    self._taken[thing] = summary.released[register]
                if register in summary.unclear:
                    state.states[thing] = UNCLEAR
        found = summary.returned
        return self._thing(call, 0, found.kind) if found else None


# An argument that is given back in a way that this does not know from other calls; 132 submits a record.
_ARGUMENT = ACQUIRE[131]


def _variable(state: State, register: int) -> int | None:
    """The offset from r10 of the variable that an argument points to."""
    thing, distance = state.places.get(register, ZERO)
    return distance if thing is STACK else None


def _end(state: State, name: str) -> None:
    """The last of this name that has begun is over: they are nested."""
    last = next((thing for thing in reversed(state.states) if thing.kind.name == name), None)
    if last is not None:
        same = [t for t in state.states if t.kind == last.kind and last.kind.by == VARIABLE]
        for thing in [last, *(t for t in same if t.variable == last.variable)]:
            state.drop(thing)


class _Summary:
    """Of a function: the argument registers whose record it gives back, those of which that is not
    certain, and what it returns that must be given back.
    """

    __slots__ = ("released", "returned", "unclear")

    def __init__(self) -> None:
        self.released: dict[int, Kind] = {}
        self.unclear: list[int] = []
        self.returned: Thing | None = None


def _use(state: State, instruction: Instruction) -> None:
    """The verifier lets memory be used only by what it knows not to be null."""
    group = instruction.opcode & 7
    pointer = instruction.source if group == LDX else instruction.destination if group in (ST, STX) else FRAME
    thing, _ = state.places.get(pointer, ZERO)
    if thing is not None and state.states.get(thing) == MAYBE:
        state.states[thing] = THERE


_MOVES_IMMEDIATE = (MOV64_IMMEDIATE, 0xB4)  # of all 64 bits, of the lower half


def _move(state: State, instruction: Instruction) -> None:
    """Follow the pointer through a move, an addition, a spill or a reload; any other write ends it."""
    opcode, places = instruction.opcode, state.places
    found = None
    if opcode == MOV64 and not instruction.offset:
        found = (STACK, 0) if instruction.source == FRAME else places.get(instruction.source)
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
    found: set[Function] = set()
    grown = True
    while grown:
        grown = False
        for function in functions:
            if function not in found and any(_concerns(i, found) for i in function.instructions):
                found.add(function)
                grown = True
    return found


def _concerns(instruction: Instruction, found: set[Function]) -> bool:
    if instruction.opcode != CALL:
        return False
    if instruction.callee is not None:
        return instruction.callee in found
    number = _number(instruction)
    return number in ACQUIRE or number in RELEASE or begun(number) is not None or ended(number) is not None


def _number(call: Instruction) -> int | str | None:
    """A helper's number or a kernel function's name; None: a function of the object (its immediate is a distance)."""
    if call.callee is not None:
        return None
    return call.immediate if call.symbol is None else call.symbol.name
