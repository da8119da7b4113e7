"""A trap in a function that a program calls leaves the program too.

A function whose result nobody looks at says in r0 whether it was left: 0 or 1. To another one the caller
passes, in r5, the address of a word in its frame, zero before the call, and a function that is left at a
trap (`traps.py`) puts something else there. The caller looks after the call, and is left in the same way.
Without it the caller would go on with a value that means nothing.

The verifier follows the word as a constant on each path, so that this costs it nothing.
"""

from __future__ import annotations

from pyzbpf.finish.analysis.arguments import takes_fifth
from pyzbpf.finish.analysis.flow import endless, is_trap, successors
from pyzbpf.finish.analysis.frames import make_room
from pyzbpf.finish.analysis.held import Holdings
from pyzbpf.finish.analysis.liveness import is_live
from pyzbpf.finish.analysis.registers import (
    ADD64_IMMEDIATE,
    EQUAL_ZERO,
    FRAME,
    LOAD64,
    MOV64,
    MOV64_IMMEDIATE,
    STORE64,
    STORE64_IMMEDIATE,
)
from pyzbpf.finish.analysis.roles import (
    TRAP_MARK,
    callbacks,
    fault,
    is_guarded_callback,
    is_local,
    is_program,
    trapping,
)
from pyzbpf.finish.code import Instruction, Mark
from pyzbpf.insn.instruction import CALL, EXIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Function
    from pyzbpf.finish.unit import Unit

# Marks of this pass: the prologue that keeps the address, calls that are looked after, traps that only
# hand on a trap.
PROLOGUE, CALLED, LEAVE = "unwinding", "called", "leave"
WORD = -8  # where a subprogram keeps the address of its caller's word
_FIFTH = 5
_SILENT = "result"


def run(unit: Unit) -> None:
    leaving = trapping(unit)
    subprograms = {f for f in leaving if not is_program(f) and not is_guarded_callback(f)}
    done = {f for f in subprograms if _prologue(f) is not None}
    silent = _silent(unit, subprograms - done)
    for function in unit.code.functions:
        if function in subprograms - done:
            _check(unit, function, needs_fifth=function not in silent)
    without_return = endless(unit.code)
    holdings = Holdings(unit.code.functions)
    for function in unit.code.functions:
        calls = [i for i in function.instructions if i.opcode == CALL and i.callee in leaving]
        calls = [call for call in calls if not any(mark.kind == CALLED for mark in call.marks)]
        is_new = function in subprograms - done
        if not calls and not is_new:
            continue
        for call in calls:
            if call.callee not in subprograms:
                raise fault(unit, function, call, f"calls '{call.callee and call.callee.symbol.name}', which the kernel calls too",
                            "let both call an `inline fn`")  # fmt: skip
        passing = [call for call in calls if call.callee not in silent]
        kept = is_new and function not in silent
        slot = WORD - 8 * (function in subprograms and not is_silent(function) and function not in silent)
        if passing or kept:
            make_room(unit, function, -slot if passing else -WORD)
        for call in calls:
            returns = call.callee not in without_return
            if call in passing:
                zero = _zero(slot, by_register=call.callee is not None and holdings.returns(call.callee))
                _look_after(unit, function, call, slot, zero, returns=returns)
            else:
                _look_at_result(unit, function, call, returns=returns)
        if kept:
            _keep_address(function)
        elif is_new:
            _give_result(function)


def is_silent(function: Function) -> bool:
    """Whether the function says in r0 that it was left (once this pass has run)."""
    found = _prologue(function)
    return found is not None and any(mark.text == _SILENT for mark in found.marks if mark.kind == PROLOGUE)


def _prologue(function: Function) -> Instruction | None:
    """The instruction that this pass has marked: the first one, until room is made before it."""
    return next((i for i in function.instructions if any(mark.kind == PROLOGUE for mark in i.marks)), None)


def _silent(unit: Unit, functions: set[Function]) -> set[Function]:
    """Those of which no caller looks at the result; that of one of them does not count itself."""
    calls = [(f, f.instructions.index(i), i.callee) for f, i in unit.code.instructions()
             if i.opcode == CALL and i.callee in functions]  # fmt: skip
    following = {function: successors(function) for function, _, _ in calls}
    found = functions
    while True:
        heard = {
            callee
            for caller, index, callee in calls
            if is_live(
                caller, following[caller], 0, following[caller][index], result_counts=caller not in found
            )
        }
        if not heard & found:
            return found
        found = found - heard


def _check(unit: Unit, function: Function, *, needs_fifth: bool) -> None:
    """Refuse what cannot be left: nobody would know."""
    name = function.symbol.name
    # Its own trap, or the call of one that has it.
    leaving = trapping(unit)
    place = next(i for i in function.instructions if is_trap(i) or (i.opcode == CALL and i.callee in leaving))
    unchecked = "or begin its body with @setRuntimeSafety(false)"
    if function in callbacks(unit):
        raise fault(unit, function, place,
                    f"a safety check may fail in '{name}', which the kernel calls back: the program would not know",
                    f"loop with `bpf.loop`, which looks after the call, {unchecked}")  # fmt: skip
    if not is_local(function):
        raise fault(unit, function, place,
                    f"a safety check may fail in '{name}', which is exported and so verified without its callers",
                    f"declare it `noinline fn` or `inline fn` instead of `export fn`, {unchecked}")  # fmt: skip
    if needs_fifth and takes_fifth(unit, function):
        raise fault(unit, function, place,
                    f"a safety check may fail in '{name}', whose arguments take all five registers",
                    "a slice takes two: make it `inline fn`, pass a pointer to a struct or to an array, "
                    + unchecked)  # fmt: skip


def _zero(slot: int, *, by_register: bool) -> list[Instruction]:
    """Zero in the caller's word. Before Linux 6.3 the verifier knows of what is stored as a number only that it is
    one: where a function returns a record it would be held, and not be known, on both ways behind the call.
    """
    if not by_register:
        return [Instruction(STORE64_IMMEDIATE, destination=FRAME, offset=slot)]
    return [
        Instruction(MOV64_IMMEDIATE, destination=_FIFTH),
        Instruction(STORE64, destination=FRAME, source=_FIFTH, offset=slot),
    ]


def _look_after(
    unit: Unit, function: Function, call: Instruction, slot: int, zero: list[Instruction], *, returns: bool
) -> None:
    call.marks.append(Mark(CALLED, ""))
    at = function.instructions.index(call) + 1
    trap = _handed_on(unit, call)
    look: list[Instruction] = [trap]
    if returns:
        load = Instruction(LOAD64, destination=_FIFTH, source=FRAME, offset=slot)
        test = Instruction(EQUAL_ZERO, destination=_FIFTH)
        test.target = function.instructions[at]
        look = [load, test, trap]
    function.instructions[at:at] = look
    function.insert(
        call,
        [
            *zero,
            Instruction(MOV64, destination=_FIFTH, source=FRAME),
            Instruction(ADD64_IMMEDIATE, destination=_FIFTH, immediate=slot),
        ],
    )


def _look_at_result(unit: Unit, function: Function, call: Instruction, *, returns: bool) -> None:
    call.marks.append(Mark(CALLED, ""))
    at = function.instructions.index(call) + 1
    look = [_handed_on(unit, call)]
    if returns:
        test = Instruction(EQUAL_ZERO)
        test.target = function.instructions[at]
        look = [test, *look]
    function.instructions[at:at] = look


def _handed_on(unit: Unit, call: Instruction) -> Instruction:
    """A trap that reports nothing, under the line of the call."""
    model = next(i for _, i in unit.code.instructions() if is_trap(i))
    trap = Instruction(model.opcode, source=model.source, immediate=model.immediate)
    trap.symbol, trap.relocation_type = model.symbol, model.relocation_type
    trap.marks = [Mark(TRAP_MARK, LEAVE)]
    trap.line = call.line
    return trap


def callers_word(function: Function) -> int:
    """Where a subprogram keeps the address of its caller's word: room that was made later has moved it."""
    found = _prologue(function)
    assert found is not None
    return found.offset


def _keep_address(function: Function) -> None:
    store = Instruction(STORE64, destination=FRAME, source=_FIFTH, offset=WORD)
    store.marks = [Mark(PROLOGUE, "")]
    function.prepend(store)


def _give_result(function: Function) -> None:
    """0 in r0 on every way that is not a trap's."""
    function.instructions[0].marks.append(Mark(PROLOGUE, _SILENT))
    for end in [instruction for instruction in function.instructions if instruction.opcode == EXIT]:
        function.insert(end, [Instruction(MOV64_IMMEDIATE)])
