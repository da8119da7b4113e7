"""What an instruction, or one of the two ways behind a comparison, does to what is known (`state.py`)."""

from __future__ import annotations

from pyzbpf.finish.analysis import registers, terms
from pyzbpf.finish.analysis.ranges import Range, anything, up_to
from pyzbpf.finish.analysis.registers import (
    ALU,
    ALU64,
    FRAME,
    JMP32,
    LDX,
    LOAD64,
    MOV64,
    ST,
    STORE64,
    STX,
)  # fmt: skip
from pyzbpf.finish.analysis.terms import Term, constant
from pyzbpf.insn.instruction import CALL, LD_IMM64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from pyzbpf.finish.analysis.state import State
    from pyzbpf.finish.code import Instruction


def step(state: State, instruction: Instruction, index: int, *, escapes: bool) -> None:
    """Carry out an instruction that is no conditional jump."""
    opcode, group = instruction.opcode, instruction.opcode & 7
    if group in (ST, STX):
        overwritten = registers.stores_to_stack(instruction)
        if overwritten is None:
            _forget_stack(state, everything=escapes)
        else:
            _forget_stack(state, overwritten)
        if opcode == STORE64 and instruction.destination == FRAME and instruction.source in state.terms:
            source = instruction.source
            state.put(instruction.offset, state.terms[source], state.links[source])
    if opcode == CALL:
        _forget_stack(state, everything=escapes)
    name = ("made", index)
    written = registers.writes(instruction)
    made: tuple[Term, Hashable] | None = None
    if opcode == LOAD64 and instruction.source == FRAME and instruction.offset in state.terms:
        made = state.terms[instruction.offset], state.links[instruction.offset]
    elif opcode == MOV64 and not instruction.offset and instruction.source in state.terms:
        made = state.terms[instruction.source], state.links[instruction.source]
    if made is not None and is_plain(instruction):
        state.put(instruction.destination, *made)
        return
    term, known, told = _result(state, instruction)
    for register in written:
        state.drop(register)
    state.renew(name)
    if not written or (opcode == CALL and 0 not in written):
        return
    if term is None:
        term = Term(name)
        state.known.learn(name, 64, known)
    state.told.learn(name, 64, told)
    register = 0 if opcode == CALL else next(iter(written))
    if len(written) > 1 and opcode != CALL:
        return
    state.put(register, term, name)


def is_plain(instruction: Instruction) -> bool:
    """Whether nobody says that a loader puts something else there."""
    return instruction.core is None and instruction.symbol is None and not instruction.marks


def _forget_stack(state: State, overwritten: Iterable[int] = (), *, everything: bool = False) -> None:
    ends = range(0) if everything else overwritten
    for place in [p for p in state.terms if p < 0]:
        if everything or any(place <= byte < place + 8 for byte in ends):
            state.drop(place)


_ADD, _SUB, _MUL, _DIV, _OR, _AND, _LSH, _RSH, _NEG, _MOD, _XOR, _MOV, _ARSH, _END = range(0, 0xE0, 0x10)
_SIZES = {0x00: 32, 0x08: 16, 0x10: 8}


def _result(state: State, instruction: Instruction) -> tuple[Term | None, Range, Range]:
    """What an instruction puts into its register: the term, if it is a part of something that is known, its
    range, and what the verifier knows of that.
    """
    opcode, group = instruction.opcode, instruction.opcode & 7
    everything = anything(64)
    if not is_plain(instruction):
        return None, everything, everything
    if opcode == LD_IMM64:
        value = (instruction.high << 32 | instruction.immediate & terms.HALF) & terms.WORD
        if instruction.source:
            return None, everything, everything
        return constant(value), up_to(value), _exactly(value)
    if group == LDX and opcode & 0xE0 == 0x60 and opcode & 0x18 in _SIZES:
        loaded = up_to((1 << _SIZES[opcode & 0x18]) - 1)
        return None, loaded, loaded
    if group not in (ALU, ALU64):
        return None, everything, everything
    return _calculated(state, instruction, bits=64 if group == ALU64 else 32)


def _calculated(state: State, instruction: Instruction, *, bits: int) -> tuple[Term | None, Range, Range]:
    operation = instruction.opcode & 0xF0
    limit = (1 << bits) - 1
    one = _operand(state, instruction.destination, bits)
    if instruction.opcode & 8 and operation not in (_NEG, _END):
        other = _operand(state, instruction.source, bits)
    else:
        value = instruction.immediate & limit
        other = constant(value), _exactly(value), value
    if operation == _MOV:
        term, told, _ = other
        if instruction.offset in (8, 16, 32) and instruction.opcode & 8:
            source = state.terms.get(instruction.source)
            signed = terms.extended(source, instruction.offset, bits) if source is not None else None
            return signed, _signed(instruction.offset, bits), _signed(instruction.offset, bits)
        return term, up_to(other[2]), told
    if operation == _END:
        swapped = up_to((1 << instruction.immediate) - 1)
        return None, swapped, swapped
    term = None
    if one[0] is not None and other[0] is not None and other[0].is_constant:
        term = _part(state, operation, one[0], other[0].add, bits)
    if instruction.offset:  # of signed numbers
        return None, up_to(limit), up_to(limit)
    is_number = other[0] is not None and other[0].is_constant
    known = _bounded(operation, up_to(one[2]), other[1] if is_number else up_to(other[2]), bits)
    told = _bounded(operation, one[1], other[1], bits)
    return term, known, told


def _operand(state: State, register: int, bits: int) -> tuple[Term | None, Range, int]:
    """Of the low bits of a register: the term, what the verifier knows, the greatest number."""
    if register not in state.terms:
        return None, up_to((1 << bits) - 1), (1 << bits) - 1
    link = state.links[register]
    told = state.told.range(link, 64) if bits == 64 else up_to(state.told.top(link, 32))
    term = state.terms[register] if bits == 64 else terms.narrowed(state.terms[register], 32)
    top = told.top if term is None else min(terms.top(term, state.known), told.top)
    if bits == 64:
        top = min(top, state.top(register))
    return term, told, min(top, (1 << bits) - 1)


def _exactly(value: int) -> Range:
    signed = value - (1 << 64) if value >> 63 else value
    return Range(signed, signed, value)


def _signed(width: int, bits: int) -> Range:
    if bits == 64:
        return anything(width)._replace(top=terms.WORD)
    return up_to(terms.HALF)


def _part(state: State, operation: int, term: Term, number: int, bits: int) -> Term | None:
    """What a calculation with a number makes of a part of a value."""
    if operation == _AND:
        return terms.masked(term, number, state.known)
    if operation == _ADD:
        return terms.added(term, number, bits, state.known)
    if operation == _SUB:
        return terms.added(term, -number, bits, state.known)
    if number >= bits:
        return None
    term = terms.settled(term, state.known)
    if operation == _LSH:
        return terms.moved_left(term, number, bits)
    if operation == _RSH:
        return terms.moved_right(term, number)
    if operation == _ARSH:
        return terms.moved_right_signed(term, number, bits)
    return None


def _bounded(operation: int, one: Range, other: Range, bits: int) -> Range:
    """The range of a result, from those of the operands: of some operations."""
    limit = (1 << bits) - 1
    exact = other.top if other.low == other.high or other.top == 0 else None
    found = limit
    if operation == _AND:
        found = min(one.top, other.top)
    elif operation in (_OR, _XOR):
        found = (1 << max(one.top.bit_length(), other.top.bit_length())) - 1
    elif operation == _ADD:
        found = one.top + other.top
    elif operation == _MUL:
        found = one.top * other.top
    elif operation == _MOD and other.top:
        found = min(one.top, other.top - 1) if exact is not None else one.top
    elif operation == _DIV:
        found = one.top
    elif exact is not None and exact < bits and operation == _LSH:
        found = one.top << exact
    elif exact is not None and exact < bits and operation in (_RSH, _ARSH):
        if operation == _ARSH and one.top >> (bits - 1):
            return anything(64 - exact)._replace(top=terms.WORD) if bits == 64 else up_to(limit)
        found = one.top >> exact
    return up_to(min(found, limit))


# -- one jump -------------------------------------------------------------------------------------------

_EQ, _GT, _GE, _SET, _NE, _SGT, _SGE = 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70
_LT, _LE, _SLT, _SLE = 0xA0, 0xB0, 0xC0, 0xD0
# What holds where the jump is not taken; what holds with the operands exchanged.
OTHERWISE = {_EQ: _NE, _GT: _LE, _GE: _LT, _SGT: _SLE, _SGE: _SLT}
OTHERWISE |= {other: one for one, other in OTHERWISE.items()}
_EXCHANGED = {_EQ: _EQ, _NE: _NE, _GT: _LT, _GE: _LE, _LT: _GT, _LE: _GE,
              _SGT: _SLT, _SGE: _SLE, _SLT: _SGT, _SLE: _SGE}  # fmt: skip


def compared_number(state: State, jump: Instruction) -> int | None:
    """The number that a jump compares with, of its bits; None: a register of which that is not known."""
    bits = 32 if jump.opcode & 7 == JMP32 else 64
    if not jump.opcode & 8:
        return jump.immediate & ((1 << bits) - 1)
    term = state.terms.get(jump.source)
    return term.add & ((1 << bits) - 1) if term is not None and term.is_constant else None


def on_way(state: State, jump: Instruction, *, taken: bool) -> State:
    """What is known where a conditional jump leads to."""
    state = state.copy()
    bits = 32 if jump.opcode & 7 == JMP32 else 64
    relation = jump.opcode & 0xF0
    if relation == _SET:
        number = compared_number(state, jump)
        if not taken and number is not None and jump.destination in state.terms:
            part = terms.masked(state.terms[jump.destination], number, state.known)
            if part is not None:
                terms.learn(part, up_to(0), 64, state.known)
        return state
    if not taken:
        relation = OTHERWISE[relation]
    number = compared_number(state, jump)
    if number is not None:
        _learn(state, jump.destination, relation, (number, number), bits)
    elif jump.destination in state.terms and jump.source in state.terms:
        limit = (1 << bits) - 1
        # Of two that differ by a number (`i - 1 > i`) it keeps the difference, and forgets the comparison.
        is_lost = state.terms[jump.destination].base == state.terms[jump.source].base
        ends = [
            (
                _operand(state, register, bits)[2],
                limit if is_lost else min(state.told.top(state.links[register], bits), limit),
            )
            for register in (jump.destination, jump.source)
        ]
        _learn(state, jump.destination, relation, ends[1], bits, exact=False)
        _learn(state, jump.source, _EXCHANGED[relation], ends[0], bits, exact=False)
        if is_lost and bits == 64 and relation in (_LT, _LE):
            terms.learn_order(state.terms[jump.destination], state.terms[jump.source], state.known)
        elif is_lost and bits == 64 and relation in (_GT, _GE):
            terms.learn_order(state.terms[jump.source], state.terms[jump.destination], state.known)
    return state


def _learn(
    state: State, register: int, relation: int, ends: tuple[int, int], bits: int, *, exact: bool = True
) -> None:
    """A register stands in this relation to a number (not ``exact``: to one up to it); ``ends`` are that for
    us, and for the verifier.
    """
    if register not in state.terms:
        return
    term, link = state.terms[register], Term(state.links[register])
    for part, known, number in ((term, state.known, ends[0]), (link, state.told, ends[1])):
        whole = terms.narrowed(part, bits) if bits < 64 else part
        greatest = terms.top(whole, known) if whole is not None else (1 << bits) - 1
        found = _allowed(relation, number, bits, greatest, exact=exact)
        if found is not None:
            terms.learn(part, found, bits, known)
        if exact and relation in (_GE, _GT):
            terms.learn_least(part, number + (relation == _GT), bits, known)


def _allowed(relation: int, number: int, bits: int, greatest: int, *, exact: bool) -> Range | None:
    """The range of what stands in a relation to a number."""
    everything = anything(bits)
    signed = number - (1 << bits) if number >> (bits - 1) else number
    if relation == _EQ:
        return Range(signed, signed, number) if exact else up_to(number, bits)
    if relation == _LE:
        return up_to(number, bits)
    if relation == _LT and number:
        return up_to(number - 1, bits)
    if relation == _NE and exact and number and number == greatest:
        return up_to(number - 1, bits)
    if not exact:
        return None
    if relation == _SGT:
        return everything._replace(low=min(signed + 1, everything.high)).within(everything, bits)
    if relation == _SGE:
        return everything._replace(low=signed).within(everything, bits)
    if relation == _SLT:
        return everything._replace(high=max(signed - 1, everything.low))
    if relation == _SLE:
        return everything._replace(high=signed)
    return None
