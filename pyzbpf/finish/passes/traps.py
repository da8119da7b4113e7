"""Every trap becomes an exit: recorded, what is held given back, the neutral verdict returned.

The kernel knows no `__bpf_trap` (or, since 6.17, knows it to refuse it): "unresolved symbol", "calling
kernel function is not allowed". A failed check in a function that a program calls is handed on to the
program (`unwinding.py`).
"""

from __future__ import annotations

from typing import NamedTuple

from pyzbpf.elf import image as elf
from pyzbpf.finish import verdicts
from pyzbpf.finish.analysis import counters
from pyzbpf.finish.analysis.branches import speaks_v2
from pyzbpf.finish.analysis.flow import TRAP, is_trap
from pyzbpf.finish.analysis.held import Holdings
from pyzbpf.finish.analysis.registers import (
    ADD64_IMMEDIATE,
    ATOMIC64,
    CALLER_SAVED,
    EQUAL_ZERO,
    FRAME,
    LOAD64,
    MOV64,
    MOV64_IMMEDIATE,
    STORE64,
    STORE64_IMMEDIATE,
)
from pyzbpf.finish.analysis.roles import (
    MESSAGE_MARK,
    TRAP_MARK,
    UNKNOWN,
    authors_call,
    callbacks,
    fault,
    is_guarded_callback,
    is_program,
    is_returned_error,
    left_value,
    line_of,
)
from pyzbpf.finish.analysis.things import MAYBE, NOTHING, UNCLEAR, VARIABLE, State, Thing
from pyzbpf.finish.code import Instruction
from pyzbpf.finish.passes.returned_errors import forgotten
from pyzbpf.finish.passes.unwinding import LEAVE, callers_word, is_silent
from pyzbpf.finish.sites import Sites
from pyzbpf.insn.instruction import CALL, EXIT, LD_IMM64
from pyzbpf.spec import traps as table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyzbpf.errors import ObjectError
    from pyzbpf.finish.code import Function
    from pyzbpf.finish.unit import Unit

# A trap that nobody has marked: `@trap()`, or what LLVM makes of `unreachable` in the modes without checks.
_UNMARKED = "trap"
_OVERFLOW = "integerOverflow"
# What a function without a result returns to say that it was left.
_LEFT = 1


def run(unit: Unit) -> None:
    if not any(is_trap(instruction) for _, instruction in unit.code.instructions()):
        return
    sites = Sites(unit)
    holdings = Holdings(unit.code.functions)
    # All questions come before the first change.
    held = [(f, holdings.states(f), holdings.returns(f)) for f in unit.code.functions]
    counted = _counters(unit, {function: states for function, states, _ in held})
    for function, states, returns in held:
        found = [instruction for instruction in function.instructions if is_trap(instruction)]
        verdict = _verdict(unit, function) if found else None
        for trap in found:
            kept = _kept(unit, function, trap, states)
            told = _told(function, by_register=returns) if verdict is None else []
            made = _record(sites, function, trap, kept) + _leave(told, verdict or 0, kept)
            if trap.line is UNKNOWN and trap is not function.instructions[0]:  # the kernel wants one for that
                trap.line = None
            made[0].line = trap.line
            # Of its operands, which such a trap has not, nobody writes the record's.
            for counter in counted.get(trap, ()):
                counters.hide(function, counter, sites.place, made[0].immediate + table.OPERANDS[0])
            function.replace(trap, made)
    sites.write()
    unit.image.symbols = [symbol for symbol in unit.image.symbols if symbol.name != TRAP]


def _counters(
    unit: Unit, held: Mapping[Function, Mapping[Instruction, State]]
) -> dict[Instruction, list[counters.Counter]]:
    """The tests of sums before each trap for an overflow."""
    called, v2 = callbacks(unit), speaks_v2(unit.code)
    found = {}
    for function, states in held.items():
        for trap in filter(is_trap, function.instructions):
            if any(mark.kind == TRAP_MARK and mark.text == _OVERFLOW for mark in trap.marks):
                kept = states[trap].places if trap in states else ()
                found[trap] = counters.of_trap(
                    function, trap, called_back=function in called, kept=kept, v2=v2
                )
    return found


def _verdict(unit: Unit, function: Function) -> int | None:
    """What the function returns at a trap; None: it hands the trap on by its caller's word."""
    if is_program(function):
        return verdicts.chosen(unit, function)
    if is_guarded_callback(function):
        return left_value(function)
    return _LEFT if is_silent(function) else None


class _Kept(NamedTuple):
    """Something to give back: in which register or stack word its pointer is, how far from its start, and
    whether it may be null.
    """

    thing: Thing
    place: int
    distance: int
    may_be_null: bool
    call: Instruction


def _kept(
    unit: Unit, function: Function, trap: Instruction, states: Mapping[Instruction, State]
) -> list[_Kept]:
    """What is held at a trap; refused where that is not certain."""
    found = []
    state = states.get(trap)
    for thing, known in state.states.items() if state is not None else ():
        places = state.find(thing) if state is not None else []
        if thing.kind.by == VARIABLE and thing.variable is not None:
            places = [(FRAME, -thing.variable)]
        elif thing.kind.by == NOTHING:
            places = [(FRAME, 0)]
        if known == UNCLEAR or not thing.kind.release or not places:
            raise _not_given_back(unit, function, trap, thing, states)
        # Registers that calls leave alone first, then the stack; of both the start itself.
        place, distance = min(places, key=lambda p: (p[0] in CALLER_SAVED, p[0] < 0, p[1] != 0))
        call = _call(unit, thing.kind.release)
        if call is None:
            raise _not_given_back(unit, function, trap, thing, states)
        found.append(_Kept(thing, place, distance, known == MAYBE, call))
    passing = [kept for kept in found if kept.place in CALLER_SAVED]
    if len(passing) > 1:  # giving back the one is a call, and a call forgets the other
        raise _not_given_back(unit, function, trap, passing[1].thing, states)
    return passing + [kept for kept in reversed(found) if kept.place not in CALLER_SAVED]


def _call(unit: Unit, release: int | str) -> Instruction | None:
    """The call that gives something back; of a kernel function only where the object calls it, too: its
    prototype is the author's.
    """
    if isinstance(release, int):
        return Instruction(CALL, immediate=release)
    for _, model in unit.code.instructions():
        if model.opcode == CALL and model.symbol is not None and model.symbol.name == release:
            made = Instruction(CALL, source=model.source, immediate=model.immediate)
            made.symbol, made.relocation_type = model.symbol, model.relocation_type
            return made
    return None


# How a thing ends, by the helper that gives it back: a record is submitted, too.
_ENDS: dict[int | str, str] = {133: "submit or discard it"}


def _not_given_back(
    unit: Unit, function: Function, trap: Instruction, thing: Thing, states: Mapping[Instruction, State]
) -> ObjectError:
    line = line_of(function, thing.acquired) if thing.acquired is not None else None
    name, release = thing.kind.name, thing.kind.release
    place = f" acquired at {line.file}:{line.position >> 10}" if line is not None else ""
    message = (
        f"a safety check may fail here while a {name}{place} is held, and it is not certain what to give back"
    )
    advice = (
        f"check before the {name} is acquired, or let every way to the check acquire it; where the check "
        "cannot fail, begin a block with @setRuntimeSafety(false)"
    )
    if is_returned_error(trap):
        way = forgotten(unit, function, states, thing) if is_program(function) else None
        if way is not None:
            return fault(
                unit, function, way,
                f"a way beyond this line that returns no error leaves the program while a {name}{place} is held",
                f"end the {name} before each `return` ({_ENDS.get(release, 'give it back')}): `errdefer` does so for "
                "errors only",
            )  # fmt: skip
        error = next(mark.text for mark in trap.marks if mark.kind == TRAP_MARK)
        message = (
            f"{error} may be returned while a {name}{place} is held, and it is not certain what to give back: all "
            "ways to an error meet in one place"
        )
        advice = (
            f"end the {name} yourself where an error leaves: `errdefer`, behind the line where it begins, in a block "
            "that closes where it ends otherwise"
        )
    if isinstance(release, str) and _call(unit, release) is None:
        message = (
            f"a safety check may fail here while a {name}{place} is held, and the probe never calls {release}"
        )
        advice = f"give it back with {release} on every way; the finisher calls it at the check, too"
    return fault(unit, function, trap, message, advice)


def _record(sites: Sites, function: Function, trap: Instruction, kept: list[_Kept]) -> list[Instruction]:
    """Count the trap and store its operands; nothing for one that only hands another on."""
    kind, *operands = next((m.text for m in trap.marks if m.kind == TRAP_MARK), _UNMARKED).split(" ")
    if kind == LEAVE:
        return []
    place = authors_call(trap) or (trap.line if trap.line is not UNKNOWN else None)
    said = next((m.text for m in trap.marks if m.kind == MESSAGE_MARK), "")
    offset = sites.add(kind, place, function=function.symbol.name, operands=len(operands), panic_message=said)
    sources = [int(operand[1:]) for operand in operands]
    taken = {*sources, *(one.place for one in kept)}
    address, number = [register for register in (5, 4, *range(FRAME)) if register not in taken][:2]
    load = Instruction(LD_IMM64, destination=address, immediate=offset)
    load.symbol, load.relocation_type = sites.place, elf.R_BPF_64_64
    stores = [
        Instruction(STORE64, destination=address, source=source, offset=place)
        for source, place in zip(sources, table.OPERANDS, strict=False)
    ]
    return [
        load,
        *stores,
        Instruction(MOV64_IMMEDIATE, destination=number, immediate=1),
        Instruction(ATOMIC64, destination=address, source=number, offset=table.COUNT),
    ]


def _told(function: Function, *, by_register: bool) -> list[Instruction]:
    """Something that is not zero in the caller's word (`unwinding.py` says why ``by_register``)."""
    load = Instruction(LOAD64, destination=1, source=FRAME, offset=callers_word(function))
    if not by_register:
        return [load, Instruction(STORE64_IMMEDIATE, destination=1, immediate=1)]
    return [load, Instruction(MOV64_IMMEDIATE, immediate=1), Instruction(STORE64, destination=1)]


def _leave(told: list[Instruction], verdict: int, kept: list[_Kept]) -> list[Instruction]:
    """Give back what is held, tell the caller, return."""
    made = [*told, Instruction(MOV64_IMMEDIATE, immediate=verdict), Instruction(EXIT)]
    for one in reversed(kept):
        made = _give_back(one, made[0]) + made
    return made


def _give_back(kept: _Kept, following: Instruction) -> list[Instruction]:
    kind = kept.thing.kind
    made = []
    if kind.by != NOTHING and kept.place >= 0:
        made.append(Instruction(MOV64, destination=1, source=kept.place))
    elif kind.by != NOTHING:
        made.append(Instruction(LOAD64, destination=1, source=FRAME, offset=kept.place))
    if kept.distance:
        made.append(Instruction(ADD64_IMMEDIATE, destination=1, immediate=-kept.distance))
    if kept.may_be_null:
        test = Instruction(EQUAL_ZERO, destination=1)
        test.target = following
        made.append(test)
    made += [Instruction(MOV64_IMMEDIATE, destination=2 + number) for number in range(kind.zeros)]
    return [*made, kept.call]
