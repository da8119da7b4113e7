"""What the registers and stack words of a function hold, and what is known of it: by us, and by the verifier.

A forward analysis. We know that two registers hold parts of the same value, however they were made; the
verifier knows of copies of 64 bits only (`links`). Where we know more, it refuses what is right.
"""

from __future__ import annotations

import heapq

from pyzbpf.finish.analysis import registers
from pyzbpf.finish.analysis.branches import is_conditional
from pyzbpf.finish.analysis.effects import on_way, step
from pyzbpf.finish.analysis.flow import successors
from pyzbpf.finish.analysis.ranges import up_to
from pyzbpf.finish.analysis.registers import ALU, ALU64, FRAME
from pyzbpf.finish.analysis.state import Choice, State
from pyzbpf.finish.analysis.terms import Term

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

    from pyzbpf.finish.code import Function

# Joins of the same place after which ranges that still grow are given up.
_PATIENCE = 3


def frame_escapes(function: Function) -> bool:
    """Whether others may write to the function's stack frame: its address is somewhere."""
    return any(FRAME in registers.reads(i) and i.opcode & 7 in (ALU, ALU64) for i in function.instructions)


def states(function: Function) -> dict[int, State]:
    """What is known before each instruction that can be reached, by index."""
    following = successors(function)
    escapes = frame_escapes(function)
    start = State()
    for register in range(1, 6):
        start.put(register, Term(("argument", register)), ("argument", register))
    found = {0: start}
    waiting, visits = [0], dict.fromkeys(range(len(following)), 0)
    while waiting:
        index = heapq.heappop(waiting)
        for target, state in after(function, following, found[index], index, escapes=escapes):
            if target not in found:
                found[target] = state.copy()
            else:
                joined = _join(found[target], state, target, patient=visits[target] < _PATIENCE)
                if joined.same(found[target]):
                    continue
                visits[target] += 1
                found[target] = joined
            if target not in waiting:
                heapq.heappush(waiting, target)
    return found


def after(
    function: Function, following: list[list[int]], state: State, index: int, *, escapes: bool
) -> list[tuple[int, State]]:
    """(index of the next, what is known there) for each way behind an instruction."""
    instruction = function.instructions[index]
    if is_conditional(instruction) and len({*following[index]}) > 1:
        return [
            (target, on_way(state, instruction, taken=target != index + 1))
            for target in dict.fromkeys(following[index])
        ]
    state = state.copy()
    if not is_conditional(instruction):
        step(state, instruction, index, escapes=escapes)
    return [(target, state) for target in dict.fromkeys(following[index])]


def _join(mine: State, theirs: State, target: int, *, patient: bool) -> State:
    """What is known where two ways meet: ``mine`` is what was known there before."""
    made = State()
    wider = None if patient else _wider
    classes: dict[object, Hashable] = {}
    links: dict[object, Hashable] = {}
    for place in sorted(mine.terms.keys() & theirs.terms.keys()):
        one, two = mine.terms[place], theirs.terms[place]
        name: Hashable = ("joined", target, place)
        if one.is_constant and one == two:
            made.terms[place] = one
        elif not one.is_constant and not two.is_constant and one[1:] == two[1:]:  # but for the base
            key = one.base, two.base
            if key not in classes:
                kept = one.base == two.base and not _is_from(one.base, target)
                classes[key] = one.base if kept else name
                mine.known.join(classes[key], one.base, (theirs.known, two.base), made.known, wider=wider)
                _keep_choice(mine, theirs, made, key, classes[key])
            made.terms[place] = one if one.base == classes[key] else one._replace(base=classes[key])
        else:
            terms_key = "terms", one, two
            if terms_key not in classes:
                classes[terms_key] = name
                ends = [up_to(s.top(place)) for s in (mine, theirs)]
                both = ends[0].around(ends[1])
                if wider is not None and ends[1].top > ends[0].top:
                    both = up_to(_wider(both.top))
                made.known.learn(name, 64, both)
                _choose(mine, theirs, made, place=place, name=name, target=target)
            made.terms[place] = Term(classes[terms_key])
        pair = mine.links[place], theirs.links[place]
        if pair not in links:
            kept = pair[0] == pair[1] and not _is_from(pair[0], target)
            links[pair] = pair[0] if kept else name
            mine.told.join(links[pair], pair[0], (theirs.told, pair[1]), made.told, wider=wider)
        made.links[place] = links[pair]
    alive = {term.base for term in made.terms.values()}
    made.choices = {
        base: choice for base, choice in made.choices.items() if base in alive and choice.term.base in alive
    }
    return made


def _wider(top: int) -> int:
    """The next end of a range of whole bytes."""
    return next((1 << width) - 1 for width in (8, 16, 32, 64) if top < 1 << width)


def _is_from(name: Hashable, target: int) -> bool:
    return isinstance(name, tuple) and name[:2] == ("joined", target)


def _choose(mine: State, theirs: State, made: State, *, place: int, name: Hashable, target: int) -> None:
    """A number on the one way, a part of what both know on the other."""
    before, new = mine.choices.get(mine.terms[place].base), theirs.terms[place]
    if before is not None and mine.terms[place] == Term(name):
        if new.is_constant and new.add <= before.limit:
            made.choices[name] = before
        elif new == before.term:
            found = before.range.around(theirs.known.range(new.base, before.bits))
            made.choices[name] = before._replace(range=found)
        return
    for one, two in ((mine, theirs), (theirs, mine)):
        number, term = one.terms[place], two.terms[place]
        if term.is_constant or not number.is_constant or _is_from(term.base, target):
            continue
        if any(other.base == term.base for other in one.terms.values()):
            found = two.known.range(term.base, term.width)
            made.choices[name] = Choice(term, found, term.width, number.add)


def _keep_choice(
    mine: State, theirs: State, made: State, key: tuple[Hashable, Hashable], name: Hashable
) -> None:
    one, two = mine.choices.get(key[0]), theirs.choices.get(key[1])
    if one is not None and one == two:
        made.choices[name] = one
