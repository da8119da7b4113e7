"""Every access to the context is by its own pointer and a constant.

The verifier takes no other: "dereference of modified ctx ptr", "variable ctx access". LLVM moves the pointer
where two accesses differ only in their place, as of `if (late) ctx.b else ctx.a`, in loops, and for an index:

    r1 += r2; r0 = *(u64 *)(r1 + 0)

becomes, with the context's address kept on the stack,

    r1 += r2; r0 = *(u64 *)(r10 - 8); if r2 == 8 goto 1f; r0 = *(u64 *)(r0 + 0); goto 2f
    1: r0 = *(u64 *)(r0 + 8)
    2:

Where what was added is not there any more it is what `r1 -= r0` gives, of which the verifier knows nothing.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.finish.analysis import contexts, registers
from pyzbpf.finish.analysis.contexts import START
from pyzbpf.finish.analysis.flow import successors
from pyzbpf.finish.analysis.frames import make_room
from pyzbpf.finish.analysis.liveness import is_live
from pyzbpf.finish.analysis.registers import ADD64_IMMEDIATE, FRAME, LDX, LOAD64, MOV64, STORE64
from pyzbpf.finish.analysis.roles import fault, is_program
from pyzbpf.finish.code import Instruction
from pyzbpf.insn.instruction import JA
from pyzbpf.spec import read
from pyzbpf.uapi.enums import BPF_PROG_TYPE_SYSCALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyzbpf.errors import ObjectError
    from pyzbpf.finish.analysis.contexts import State, Value
    from pyzbpf.finish.code import Function
    from pyzbpf.finish.unit import Unit

_ADD64, _SUB64, _IS_EQUAL = 0x0F, 0x1F, 0x15
_KEPT, _WORD = -8, 8  # where in the frame the context's address is kept; its bytes
_UNKNOWN = 1024  # bytes, more than any context has
_LEAD_ON = (kinds.PTR, kinds.CONST, kinds.VOLATILE, kinds.TYPEDEF)


def run(unit: Unit) -> None:
    if not unit.is_from_zig:
        return
    starts = {function: {1: START} for function in unit.code.functions if _has_context(function)}
    found: dict[Function, dict[int, State]] = {}
    waiting = list(starts)
    while waiting:
        function = waiting.pop()
        found[function] = contexts.states(function, starts[function], _size(unit, function))
        for callee, given in contexts.handed_on(function, found[function]):
            both = {r: START for r in given if r in starts.get(callee, given)}
            if both and starts.get(callee) != both:
                starts[callee] = both
                waiting.append(callee)
    for function, states in found.items():
        moved = {
            function.instructions[index]: state[pointer]
            for index, state in sorted(states.items())
            if (pointer := registers.pointer(function.instructions[index])) in state
            and state[pointer].in_context
            and state[pointer] != START
        }
        if moved:
            _rewrite(unit, function, min(starts[function]), moved, states)


def _has_context(function: Function) -> bool:
    """Programs of the kind `syscall` may go anywhere in theirs."""
    program = read.program(function.symbol.name, function.section.name)
    return is_program(function) and program.type != BPF_PROG_TYPE_SYSCALL


def _size(unit: Unit, function: Function) -> int:
    """The context's size in bytes, as the first parameter's type has it."""
    found = unit.types[function.type_id]
    for kind in (kinds.FUNC, kinds.FUNC_PROTO):
        if found is None or found.kind != kind:
            return _UNKNOWN
        found = unit.types[
            found.type if kind == kinds.FUNC else found.parameters[0][1] if found.parameters else 0
        ]
    while found is not None and found.kind in _LEAD_ON:
        found = unit.types[found.type]
    return found.size if found is not None and found.kind == kinds.STRUCT and found.size else _UNKNOWN


def _rewrite(
    unit: Unit,
    function: Function,
    context: int,
    moved: Mapping[Instruction, Value],
    states: Mapping[int, State],
) -> None:
    """Let these accesses go by the context's own address, which a function gets in the register ``context``."""
    alternatives = {access: _alternatives(unit, function, access, moved[access], states) for access in moved}
    make_room(unit, function, _WORD)
    for access, made in alternatives.items():  # in order: where the one ends, the next may begin
        function.replace(access, made)
    function.prepend(Instruction(STORE64, destination=FRAME, source=context, offset=_KEPT))


def _alternatives(
    unit: Unit, function: Function, access: Instruction, value: Value, states: Mapping[int, State]
) -> list[Instruction]:
    """An access at each of its places, and the choice between them."""
    pointer, place = registers.pointer(access), function.instructions.index(access)
    following = successors(function)
    added = _added(function, states, place, pointer)
    is_wanted = is_live(function, following, pointer, following[place])
    base = (
        pointer
        if added is not None and not is_wanted
        else _free(function, following, place, {pointer, added})
    )
    if value.numbers is None or access.core is not None or base is None:
        raise _unknown(unit, function, access)
    first, *others = sorted(value.numbers)
    made = [Instruction(LOAD64, destination=base, source=FRAME, offset=_KEPT)]
    end = function.instructions[place + 1]
    is_spoilt = bool(others) and added is None
    again = pointer if is_spoilt and is_wanted else None
    bodies = [_access(access, base, number, again) for number in (first, *others)]
    if is_spoilt:
        made.append(Instruction(_SUB64, destination=pointer, source=base))
    for number, body in zip(others, bodies[1:], strict=True):
        test = Instruction(_IS_EQUAL, destination=pointer if added is None else added, immediate=number)
        test.target = body[0]
        made.append(test)
    for body in bodies:
        made += body
        if body is not bodies[-1]:
            made.append(Instruction(JA))
            made[-1].target = end
    made[0].marks = access.marks
    for instruction in made:
        instruction.calls = access.calls
    return made


def _access(access: Instruction, base: int, number: int, pointer: int | None) -> list[Instruction]:
    """It at one of its places; ``pointer`` is made again before."""
    made = Instruction(
        access.opcode,
        destination=access.destination if access.opcode & 7 == LDX else base,
        source=base if access.opcode & 7 == LDX else access.source,
        offset=access.offset + number,
        immediate=access.immediate,
    )
    if pointer is None:
        return [made]
    again = [
        Instruction(MOV64, destination=pointer, source=base),
        Instruction(ADD64_IMMEDIATE, destination=pointer, immediate=number),
    ]
    return [*again, made]


def _added(function: Function, states: Mapping[int, State], place: int, pointer: int) -> int | None:
    """The register that has been added to the context's own address to make the pointer, if it is still there."""
    code = function.instructions
    targets = {instruction.target for instruction in code}
    written = set[int]()
    for index in reversed(range(place)):
        made = code[index]
        if code[index + 1] in targets:
            return None
        if pointer in registers.writes(made):
            is_sum = made.opcode == _ADD64 and states.get(index, {}).get(pointer) == START
            return made.source if is_sum and made.source not in written | {pointer} else None
        written |= registers.writes(made)
    return None


def _free(function: Function, following: list[list[int]], place: int, kept: set[int | None]) -> int | None:
    """A register for the context's address: that which is loaded, or one that nobody wants."""
    access = function.instructions[place]
    if access.opcode & 7 == LDX and access.destination not in kept:
        return access.destination
    taken = registers.reads(access) | registers.writes(access) | kept
    return next(
        (r for r in range(FRAME) if r not in taken and not is_live(function, following, r, following[place])),
        None,
    )


def _unknown(unit: Unit, function: Function, access: Instruction) -> ObjectError:
    return fault(
        unit, function, access, "reads or writes the context at a place that is known at run time only",
        "the verifier wants a constant place: copy the member first (`const args = ctx.args;`) and index the copy, or "
        "let a `switch` choose between constants",
    )  # fmt: skip
