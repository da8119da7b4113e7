"""Where in its context a program's pointers point: from its first argument on, over copies, sums and calls.

The offsets are followed one by one. LLVM makes one access of two (`if (late) ctx.b else ctx.a` adds 8 or 0 to
the pointer, then loads), and loops move the pointer on.
"""

from __future__ import annotations

import heapq
import operator
from typing import NamedTuple

from pyzbpf.finish.analysis import effects, registers, terms, values
from pyzbpf.finish.analysis.branches import is_conditional
from pyzbpf.finish.analysis.flow import successors
from pyzbpf.finish.analysis.registers import ADD64_IMMEDIATE, FRAME, LOAD64, MOV64, MOV64_IMMEDIATE, STORE64
from pyzbpf.insn.instruction import CALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyzbpf.finish.analysis.state import State as Known
    from pyzbpf.finish.code import Function, Instruction

_MOST = 64  # so many offsets are told apart
_WORD = (1 << 64) - 1
_ADD64, _MOV32_IMMEDIATE, _SHIFT_LEFT64 = 0x0F, 0xB4, 0x67
_ARGUMENTS = range(1, 6)
# Jumps by a number of 64 bits.
_COMPARISONS: dict[int, Callable[[int, int], bool]] = {
    0x15: operator.eq, 0x55: operator.ne, 0x25: operator.gt, 0x35: operator.ge, 0xA5: operator.lt, 0xB5: operator.le,
}  # fmt: skip


class Value(NamedTuple):
    """One of these numbers, or (``in_context``) the context's address and one of them; of None it is only known
    that it is in the context.
    """

    in_context: bool
    numbers: frozenset[int] | None


START = Value(in_context=True, numbers=frozenset((0,)))
# By register, or by the negative offset of a stack word.
State = dict[int, Value]


def states(function: Function, start: Mapping[int, Value], size: int) -> dict[int, State]:
    """What is known before each instruction that can be reached, by index; ``size`` is that of the context in
    bytes, beyond which nothing is.
    """
    following = successors(function)
    escapes = values.frame_escapes(function)
    bounds = _Bounds(function)
    found: dict[int, State] = {0: dict(start)}
    waiting = [0]
    while waiting:
        index = heapq.heappop(waiting)
        instruction = function.instructions[index]
        for target in dict.fromkeys(following[index]):
            state = dict(found[index])
            if not is_conditional(instruction):
                _step(state, instruction, index, bounds, size, escapes=escapes)
            elif len({*following[index]}) > 1 and not _learn(state, instruction, taken=target != index + 1):
                continue
            if target in found:
                state = {
                    p: v for p in found[target] if p in state and (v := _join(found[target][p], state[p]))
                }
                if state == found[target]:
                    continue
            found[target] = state
            if target not in waiting:
                heapq.heappush(waiting, target)
    return found


class _Bounds:
    """What is known of numbers that are no constants, asked for where it is needed only."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.found: dict[int, Known] | None = None

    def of(self, index: int, register: int) -> frozenset[int] | None:
        """The numbers that a register may be before an instruction; None: too many."""
        if self.found is None:
            self.found = values.states(self.function)
        state = self.found.get(index)
        if state is None or register not in state.terms:
            return None
        term = terms.settled(state.terms[register], state.known)
        step = 1 << term.shift if term.shift > 0 and not term.add and not term.sign else 1
        top = state.top(register)
        return frozenset(range(0, top + 1, step)) if top // step < _MOST else None


def _step(
    state: State, instruction: Instruction, index: int, bounds: _Bounds, size: int, *, escapes: bool
) -> None:
    """Carry out an instruction that is no conditional jump."""
    made = _result(state, instruction, index, bounds, size) if effects.is_plain(instruction) else None
    spilt = registers.stores_to_stack(instruction)
    if spilt is not None or (escapes and (instruction.opcode == CALL or instruction.opcode & 7 in (2, 3))):
        for place in [p for p in state if p < 0 and (spilt is None or {*range(p, p + 8)} & {*spilt})]:
            del state[place]
    if instruction.opcode == STORE64 and instruction.destination == FRAME and instruction.source in state:
        state[instruction.offset] = state[instruction.source]
    for register in registers.writes(instruction):
        state.pop(register, None)
    if made is not None:
        state[instruction.destination] = made


def _result(state: State, instruction: Instruction, index: int, bounds: _Bounds, size: int) -> Value | None:
    opcode, mine = instruction.opcode, state.get(instruction.destination)
    if opcode in (MOV64_IMMEDIATE, _MOV32_IMMEDIATE):
        return Value(in_context=False, numbers=frozenset((instruction.immediate,)))
    if opcode == MOV64 and not instruction.offset:
        return state.get(instruction.source)
    if opcode == LOAD64 and instruction.source == FRAME:
        return state.get(instruction.offset)
    if opcode == _SHIFT_LEFT64 and mine is not None and not mine.in_context and mine.numbers is not None:
        return _limited(mine, {number << instruction.immediate & _WORD for number in mine.numbers}, size)
    if opcode == ADD64_IMMEDIATE and mine is not None:
        return _sum(mine, frozenset((instruction.immediate,)), size)
    if opcode == _ADD64:
        registers_added = instruction.destination, instruction.source
        one, other = (state.get(register) for register in registers_added)
        if other is not None and other.in_context:
            one, other, registers_added = other, one, registers_added[::-1]
        if one is not None and other is not None:
            return None if other.in_context else _sum(one, other.numbers, size)
        if one is not None and one.in_context:
            return _sum(one, bounds.of(index, registers_added[1]), size)
    return None


def _sum(one: Value, added: frozenset[int] | None, size: int) -> Value | None:
    if one.numbers is None or added is None:
        return one._replace(numbers=None) if one.in_context else None
    return _limited(one, {mine + number for mine in one.numbers for number in added}, size)


def _limited(value: Value, numbers: set[int], size: int) -> Value | None:
    if value.in_context:
        numbers = {number for number in numbers if 0 <= number < size} or numbers
    if len(numbers) <= _MOST:
        return value._replace(numbers=frozenset(numbers))
    return value._replace(numbers=None) if value.in_context else None


def _join(one: Value, other: Value) -> Value | None:
    """What is known where two ways meet."""
    if one.in_context != other.in_context:
        return None
    if one.numbers is None or other.numbers is None:
        return one._replace(numbers=None)
    both = one.numbers | other.numbers
    if len(both) <= _MOST:
        return one._replace(numbers=both)
    return one._replace(numbers=None) if one.in_context else None


def _learn(state: State, jump: Instruction, *, taken: bool) -> bool:
    """What is known on one way behind a conditional jump; whether it can be gone at all."""
    holds, known = _COMPARISONS.get(jump.opcode), state.get(jump.destination)
    if holds is None or known is None or known.in_context or known.numbers is None:
        return True
    number = jump.immediate & _WORD
    left = frozenset(n for n in known.numbers if holds(n & _WORD, number) == taken)
    state[jump.destination] = known._replace(numbers=left)
    return bool(left)


def handed_on(function: Function, found: Mapping[int, State]) -> Iterator[tuple[Function, State]]:
    """(function that this one calls, which arguments are the context itself) for each call."""
    for index, state in found.items():
        instruction = function.instructions[index]
        if instruction.opcode == CALL and instruction.callee is not None:
            yield instruction.callee, {r: START for r in _ARGUMENTS if state.get(r) == START}
