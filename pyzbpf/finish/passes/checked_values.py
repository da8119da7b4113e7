"""What is checked is what is used.

LLVM knows that two registers hold the same number, or parts of one, compares the one and uses the other:

    w2 = w1; if w1 > 15 goto trap; r2 <<= 3        r2 = r1; r2 &= 255; ...; r1 &= 240; if r1 != 0 goto trap

The verifier knows it only of copies of all 64 bits, and refuses: "R2 unbounded memory access". So what another
register has already is copied from there; a comparison that bounds the one of two registers is made with the
one that becomes an address; and where no comparison says it, one is put before it that never decides.
Objects of other compilers stay as they are.
"""

from __future__ import annotations

from typing import NamedTuple

from pyzbpf.finish.analysis import effects, registers, terms, values
from pyzbpf.finish.analysis.addresses import wanted
from pyzbpf.finish.analysis.branches import is_conditional, speaks_v2
from pyzbpf.finish.analysis.flow import is_trap, successors
from pyzbpf.finish.analysis.liveness import is_live
from pyzbpf.finish.analysis.registers import ALU, ALU64, FRAME, JMP32, MOV64
from pyzbpf.finish.code import Instruction
from pyzbpf.insn.instruction import LD_IMM64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyzbpf.finish.analysis.state import State
    from pyzbpf.finish.analysis.terms import Term
    from pyzbpf.finish.code import Function
    from pyzbpf.finish.unit import Unit

# &, >> and signed >>, moves of 32 bits: what LLVM narrows numbers with.
_NARROWING = frozenset((0x54, 0x57, 0x5C, 0x5F, 0x74, 0x77, 0xC4, 0xC7, 0xBC))
_MASKS = (0x54, 0x57)  # rA &= number
_GREATER = 0x25  # if rA > number
_LARGEST = (1 << 31) - 1  # number in an instruction


def run(unit: Unit) -> None:
    v2 = speaks_v2(unit.code)
    for function in unit.code.functions if unit.is_from_zig else ():
        if any(is_conditional(instruction) for instruction in function.instructions):
            while _improve(function, v2=v2):
                pass


def _improve(function: Function, *, v2: bool) -> bool:
    """All of it once; whether there was anything to do."""
    known = values.states(function)
    changed = False
    for step in (_bring_forward, _copy_what_is_there):
        if step(function, known):
            changed, known = True, values.states(function)
    changed |= _check_what_is_used(function, known, v2=v2)
    return changed and _drop_unused(function)


def _bring_forward(function: Function, known: Mapping[int, State]) -> bool:
    """Narrow a number before the comparisons that say how large it is, where LLVM does so after them."""
    following = successors(function)
    asked = wanted(function, following)
    escapes = values.frame_escapes(function)
    code = list(function.instructions)
    for index, state in sorted(known.items()):
        narrowing = code[index]
        register = narrowing.destination
        if narrowing.opcode not in _MASKS or not effects.is_plain(narrowing):
            continue
        ((target, behind),) = values.after(function, following, state, index, escapes=escapes)
        if register in asked[target] and behind.top(register) < behind.told_top(register):
            place = _place_before(function, following, index)
            if place is not None:
                function.remove((narrowing,))
                moved = Instruction(narrowing.opcode, destination=register, immediate=narrowing.immediate)
                moved.calls = narrowing.calls
                function.insert(code[place], [moved])
                return True
    return False


def _place_before(function: Function, following: list[list[int]], index: int) -> int | None:
    """The first comparison of those before an instruction that its register outlives unread."""
    code = function.instructions
    register = code[index].destination
    targets = {instruction.target for instruction in code}
    found = None
    while code[index] not in targets and index:
        index -= 1
        passed = code[index]
        if register in registers.reads(passed) | registers.writes(passed) or not following[index]:
            break
        if is_conditional(passed):
            others = [target for target in following[index] if target != index + 1]
            if is_live(function, following, register, others):
                break
            found = index
        elif passed.target is not None:
            break
    return found


def _copy_what_is_there(function: Function, known: Mapping[int, State]) -> bool:
    """Turn each narrowing into a copy of a register that has its result."""
    following = successors(function)
    escapes = values.frame_escapes(function)
    useless: set[Instruction] = set()
    changed = False
    for index, state in known.items():
        instruction = function.instructions[index]
        if instruction.opcode not in _NARROWING or not effects.is_plain(instruction):
            continue
        ((_, behind),) = values.after(function, following, state, index, escapes=escapes)
        register = instruction.destination
        made = terms.settled(behind.terms[register], behind.known)
        if made.is_constant:
            continue
        same = [
            place
            for place in range(FRAME)
            if place in state.terms
            and terms.settled(state.terms[place], state.known) == made
            and state.told_top(place) <= behind.told_top(register)
        ]
        if register in same:
            useless.add(instruction)
        elif same:
            source = min(same, key=state.told_top)
            instruction.opcode, instruction.source, instruction.immediate = MOV64, source, 0
            instruction.offset = 0
            changed = True
    function.remove(useless)
    return changed or bool(useless)


class _Lack(NamedTuple):
    """A register that a comparison bounds without the verifier knowing it: on which way, to what."""

    register: int
    taken: bool
    top: int


def _check_what_is_used(function: Function, known: Mapping[int, State], *, v2: bool) -> bool:
    """Mend the comparisons of which the verifier learns too little; whether there was one."""
    following = successors(function)
    asked = wanted(function, following)
    changed = False
    for index in sorted(known, reverse=True):
        jump = function.instructions[index]
        if not is_conditional(jump) or not effects.is_plain(jump):
            continue
        lacks = [
            lack
            for target in dict.fromkeys(following[index])
            for lack in _lacks(
                known[index],
                jump,
                taken=target != index + 1,
                asked=asked[target] - _elsewhere(asked, following[index], target),
            )
            if lack.register not in _checked_next(function, index)
        ]
        if len(following[index]) < 2 or jump.target is function.instructions[index + 1]:
            continue
        if lacks and _mend(function, known[index], index, lacks, asked, v2=v2):
            changed = True
    return changed


def _elsewhere(asked: list[frozenset[int]], ways: list[int], target: int) -> frozenset[int]:
    """What is asked for on the other way: what decides between two uses is no check of what is used."""
    return frozenset[int]().union(*(asked[way] for way in ways if way != target))


def _lacks(before: State, jump: Instruction, *, taken: bool, asked: frozenset[int]) -> list[_Lack]:
    behind = effects.on_way(before, jump, taken=taken)
    return [
        _Lack(place, taken, behind.top(place))
        for place in sorted(asked)
        if 0 <= place < FRAME
        and place in behind.terms
        and not behind.terms[place].is_constant
        and behind.top(place) < behind.told_top(place)
        and behind.top(place) < before.top(place)
    ]


def _checked_next(function: Function, index: int) -> set[int]:
    """The registers that are compared next, on the way on, with the same consequence."""
    found = set()
    target = function.instructions[index].target
    for check in function.instructions[index + 1 :]:
        if check.opcode != _GREATER or check.target is not target:
            break
        found.add(check.destination)
    return found


def _mend(
    function: Function, state: State, index: int, lacks: list[_Lack], asked: list[frozenset[int]], *, v2: bool
) -> bool:
    jump = function.instructions[index]
    assert jump.target is not None
    follower = function.instructions[index + 1]
    first = lacks[0]
    behind = function.instructions.index(jump.target) if first.taken else index + 1
    if not _is_needed(state, jump, asked[behind]):
        other = _compared_instead(state, jump, first.register, v2=v2)
        if other is not None:
            jump.opcode, jump.immediate = other
            jump.destination, jump.source = first.register, 0
            return True
    made = []
    for lack in lacks:
        if lack.top <= _LARGEST:
            check = Instruction(_GREATER, destination=lack.register, immediate=lack.top)
            check.target = follower if lack.taken else jump.target
            check.calls = jump.calls
            made.append(check)
    function.insert(jump, made)
    return bool(made)


def _is_needed(state: State, jump: Instruction, asked: frozenset[int]) -> bool:
    """Whether a register that the verifier holds to be the compared one becomes an address, too."""
    link = state.links.get(jump.destination)
    return any(state.links.get(place) == link for place in asked)


def _compared_instead(state: State, jump: Instruction, register: int, *, v2: bool) -> tuple[int, int] | None:
    """Opcode and number with which a jump may look at another register, which has the same part of a value."""
    number = effects.compared_number(state, jump)
    if number is None or jump.destination not in state.terms:
        return None
    bits = 32 if jump.opcode & 7 == JMP32 else 64
    compared = terms.narrowed(state.terms[jump.destination], bits)
    if compared is None:
        return None
    one, other = (terms.settled(term, state.known) for term in (compared, state.terms[register]))
    if one.is_constant or one.base != other.base or one.sign or other.sign or one.add:
        return None
    relation = _unsigned(jump.opcode & 0xF0, number, terms.top(one, state.known), bits)
    if relation is None:
        return None
    return _transferred(*relation, one, other, state, v2=v2)


_EQUAL, _ABOVE, _NOT, _AT_MOST = 0x10, 0x20, 0x50, 0xB0
_SIGNED = {0x60: 0x20, 0x70: 0x30, 0xC0: 0xA0, 0xD0: 0xB0}


def _unsigned(relation: int, number: int, top: int, bits: int) -> tuple[int, int] | None:
    """A relation as one of the four above."""
    if relation in _SIGNED:
        half = 1 << (bits - 1)
        if top >= half or number >= half:
            return None
        relation = _SIGNED[relation]
    if relation in (_EQUAL, _NOT, _ABOVE, _AT_MOST):
        return relation, number
    if relation in (0x30, 0xA0) and number:  # at least, below
        return (_ABOVE if relation == 0x30 else _AT_MOST), number - 1
    return None


def _transferred(
    relation: int, number: int, one: Term, other: Term, state: State, *, v2: bool
) -> tuple[int, int] | None:
    """The same of ``other``, which has all bits of the value that ``one`` has, or more, without a gap."""
    top = state.known.top(other.base, max(one.width, other.width))
    if other.mask != (1 << top.bit_length()) - 1 or other.shift < 0 or other.bits != 64:
        return None
    limit = terms.span(one, number)
    if limit is None:
        return None
    exact = one.mask & 1 and one.shift >= 0 and not number & ((1 << one.shift) - 1)
    if relation in (_EQUAL, _NOT):
        if number and not exact:
            return None
        if not exact:  # all the upper bits are zero: it is at most what the others can be
            relation = _AT_MOST if relation == _EQUAL else _ABOVE
        elif number >> one.shift > top:
            return None
    value = (min(limit, top) << other.shift) + other.add
    if (top << other.shift) + other.add > terms.WORD >> 1 or value > _LARGEST:
        return None
    if relation == _AT_MOST and not v2:
        return None
    return relation | 0x05, value


def _drop_unused(function: Function) -> bool:
    """Take out calculations of which nobody needs the result any more; true."""
    while True:
        following = successors(function)
        unused = {
            instruction
            for index, instruction in enumerate(function.instructions)
            if (instruction.opcode & 7 in (ALU, ALU64) or instruction.opcode == LD_IMM64)
            and effects.is_plain(instruction)
            and not is_trap(instruction)
            and registers.writes(instruction)
            and not is_live(function, following, instruction.destination, following[index])
        }
        if not unused:
            return True
        function.remove(unused)
