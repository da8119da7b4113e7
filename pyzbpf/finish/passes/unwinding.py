"""A trap in a function that a program calls leaves the program too.

The caller passes, in r5, the address of a word in its frame, zero before the call. A function that is
left at a trap (`traps.py`) puts something else there, and its caller, which looks after the call, is
left in the same way. Without it the caller would go on with a value that means nothing.

The verifier follows the word as a constant on each path, so that this costs it nothing.
"""

from __future__ import annotations

from pyzbpf.finish.arguments import takes_fifth
from pyzbpf.finish.code import Instruction, Mark
from pyzbpf.finish.flow import endless, is_trap
from pyzbpf.finish.frames import make_room
from pyzbpf.finish.registers import (
    ADD64_IMMEDIATE,
    EQUAL_ZERO,
    FRAME,
    LOAD64,
    MOV64,
    STORE64,
    STORE64_IMMEDIATE,
)
from pyzbpf.finish.roles import (
    TRAP_MARK,
    callbacks,
    fault,
    is_guarded_callback,
    is_local,
    is_program,
    trapping,
)
from pyzbpf.insn.instruction import CALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Function
    from pyzbpf.finish.unit import Unit

# Marks of this pass: the prologue that keeps the address, calls that are looked after, traps that only
# hand on a trap.
PROLOGUE, CALLED, LEAVE = "unwinding", "called", "leave"
WORD = -8  # where a subprogram keeps the address of its caller's word
_FIFTH = 5


def run(unit: Unit) -> None:
    leaving = trapping(unit)
    subprograms = {f for f in leaving if not is_program(f) and not is_guarded_callback(f)}
    done = {f for f in subprograms if any(m.kind == PROLOGUE for m in f.instructions[0].marks)}
    for function in unit.code.functions:
        if function in subprograms - done:
            _check(unit, function)
    without_return = endless(unit.code)
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
        slot = WORD - 8 * (function in subprograms)
        make_room(unit, function, -slot if calls else -WORD)
        for call in calls:
            _look_after(unit, function, call, slot, returns=call.callee not in without_return)
        if is_new:
            _keep_address(function)


def _check(unit: Unit, function: Function) -> None:
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
    if takes_fifth(unit, function):
        raise fault(unit, function, place,
                    f"a safety check may fail in '{name}', whose arguments take all five registers",
                    "a slice takes two: make it `inline fn`, pass a pointer to a struct or to an array, "
                    + unchecked)  # fmt: skip


def _look_after(unit: Unit, function: Function, call: Instruction, slot: int, *, returns: bool) -> None:
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
            Instruction(STORE64_IMMEDIATE, destination=FRAME, offset=slot),
            Instruction(MOV64, destination=_FIFTH, source=FRAME),
            Instruction(ADD64_IMMEDIATE, destination=_FIFTH, immediate=slot),
        ],
    )


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
    return next(i.offset for i in function.instructions if any(mark.kind == PROLOGUE for mark in i.marks))


def _keep_address(function: Function) -> None:
    store = Instruction(STORE64, destination=FRAME, source=_FIFTH, offset=WORD)
    store.marks = [Mark(PROLOGUE, "")]
    function.insert(function.instructions[0], [store])
