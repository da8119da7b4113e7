"""Which pointers lead into the kernel's own objects: what a context holds, what objects point to, what calls return.

Where ways meet, a pointer is one into an object if it is on either way. With a number added to it that CO-RE tells it
points to where the running kernel has a member, and is left alone.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

from pyzbpf.btf import layout
from pyzbpf.btf import types as kinds
from pyzbpf.finish.analysis import registers
from pyzbpf.finish.analysis.flow import successors
from pyzbpf.finish.analysis.registers import ADD64_IMMEDIATE, FRAME, LOAD64, MOV64, STORE64
from pyzbpf.insn.instruction import CALL, EXIT, LD_IMM64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyzbpf.btf.types import Type
    from pyzbpf.finish.code import Core, Function, Instruction
    from pyzbpf.finish.unit import Unit

CONTEXT, OBJECT, STACK = "context", "object", "stack"
TOLD = "told"  # no pointer: a number that CO-RE tells, or that was made of one
# Whether a pointer's type is known: of a struct or union, of nothing ("void", or not told), of anything else.
STRUCT, UNTOLD, OTHER = "struct", "untold", "other"

# Helpers that return an object: get_current_task_btf, skc_to_*_sock, sock_from_file.
_HELPERS = frozenset((136, 137, 138, 139, 140, 158, 162, 178, 196))
# per_cpu_ptr and this_cpu_ptr: one of what their first argument is.
_SAME_OF_CPU = frozenset((153, 154))
# Structs in memory of the program's own, though the kernel's functions return pointers to them.
_IN_OWN_MEMORY = frozenset(("bpf_rb_node", "bpf_list_node"))
_ADD64 = 0x0F
_ARGUMENTS = range(1, 6)


class Place(NamedTuple):
    """Where a pointer points to: ``offset`` bytes (None: it differs) into the context, an object or the stack
    frame (or ``TOLD``). ``type_id`` is the type of that as it is declared, 0 where it is not told.
    """

    home: str
    type_id: int
    offset: int | None

    def moved(self, distance: int) -> Place:
        return self._replace(offset=None if self.offset is None else self.offset + distance)


# By register, or by the offset of a stack word (negative).
State = dict[int, Place]


def states(
    unit: Unit, start: Mapping[Function, State], returned: Mapping[Function, Place], function: Function
) -> dict[int, State]:
    """What is known before each instruction that can be reached, by index, if the function is called with ``start``."""
    following = successors(function)
    found: dict[int, State] = {0: {FRAME: Place(STACK, 0, 0), **start.get(function, {})}}
    waiting = [0]
    while waiting:
        index = heapq.heappop(waiting)
        state = dict(found[index])
        _step(unit, state, returned, function.instructions[index])
        for target in dict.fromkeys(following[index]):
            if target in found and not join(found[target], state):
                continue
            found.setdefault(target, dict(state))
            if target not in waiting:
                heapq.heappush(waiting, target)
    return found


def everywhere(unit: Unit, start: Mapping[Function, State]) -> dict[Function, dict[int, State]]:
    """The same of all functions, over calls and returns; ``start`` is what programs are given."""
    given = {function: dict(state) for function, state in start.items()}
    returned: dict[Function, Place] = {}
    found: dict[Function, dict[int, State]] = {}
    waiting = list(unit.code.functions)
    while waiting:
        function = waiting.pop(0)
        found[function] = states(unit, given, returned, function)
        changed = set()
        for index, state in found[function].items():
            instruction = function.instructions[index]
            if instruction.opcode == CALL and instruction.callee is not None:
                passed = {r: state[r] for r in _ARGUMENTS if r in state and state[r].home != STACK}
                if join(given.setdefault(instruction.callee, {}), passed):
                    changed.add(instruction.callee)
            if instruction.opcode == EXIT and 0 in state and state[0].home != STACK:
                both = {0: returned[function]} if function in returned else {}
                if join(both, {0: state[0]}):
                    returned[function] = both[0]
                    changed |= {f for f in found if any(i.callee is function for i in f.instructions)}
        waiting += [changing for changing in unit.code.functions if changing in changed - {*waiting}]
    return found


def join(mine: State, theirs: State) -> bool:
    """Add what is known on another way; whether that changed anything."""
    changed = False
    for place, other in theirs.items():
        both = _either(mine.get(place), other)
        if both != mine.get(place):
            mine[place] = both
            changed = True
    return changed


def _either(one: Place | None, other: Place) -> Place:
    if one is None or one == other:
        return other
    if TOLD in (one.home, other.home):
        return Place(TOLD, 0, 0)
    home = one.home if one.home == other.home else OBJECT
    same_type, same_offset = one.type_id == other.type_id, one.offset == other.offset
    return Place(home, one.type_id if same_type else 0, one.offset if same_offset else None)


def _step(unit: Unit, state: State, returned: Mapping[Function, Place], instruction: Instruction) -> None:
    made = _result(unit, state, returned, instruction)
    spilt = _stack_place(state, instruction)
    if spilt is not None:
        for place in [p for p in state if p < 0 and {*range(p, p + 8)} & {*spilt}]:
            del state[place]
        kept = state.get(instruction.source)
        if instruction.opcode == STORE64 and kept is not None and kept.home != STACK:
            state[spilt.start] = kept
    for register in registers.writes(instruction):
        state.pop(register, None)
    if made is not None:
        state[0 if instruction.opcode == CALL else instruction.destination] = made


def _stack_place(state: State, instruction: Instruction) -> range | None:
    """The bytes of the frame that are overwritten, where that is known."""
    base = state.get(instruction.destination)
    if instruction.opcode & 7 not in (registers.ST, registers.STX) or base is None or base.home != STACK:
        return None
    if base.offset is None:
        return None
    start = base.offset + instruction.offset
    return range(start, start + registers.access_size(instruction))


def _result(
    unit: Unit, state: State, returned: Mapping[Function, Place], instruction: Instruction
) -> Place | None:
    opcode = instruction.opcode
    mine, other = state.get(instruction.destination), state.get(instruction.source)
    if opcode == MOV64 and not instruction.offset:
        return other
    if opcode == ADD64_IMMEDIATE and mine is not None and instruction.core is None:
        return mine.moved(instruction.immediate)
    if opcode & 7 in (registers.ALU, registers.ALU64):
        return _computed(state, instruction)
    if opcode == LOAD64 and other is not None:
        return _loaded(unit, state, instruction, other)
    if opcode == LD_IMM64 and instruction.symbol is not None and instruction.symbol.is_undefined:
        return _of_type(unit, _ksym(unit, instruction.symbol.name))
    if opcode == CALL:
        return _returned(unit, state, returned, instruction)
    return None


def _computed(state: State, instruction: Instruction) -> Place | None:
    """What arithmetic makes of registers."""
    found = [state[register] for register in registers.reads(instruction) if register in state]
    if instruction.core is not None or any(place.home == TOLD for place in found):
        return Place(TOLD, 0, 0)
    if instruction.opcode != _ADD64 or len(found) != 1:
        return None
    return found[0]._replace(offset=None)  # the way to a member of the context, or to an element


def _loaded(unit: Unit, state: State, instruction: Instruction, base: Place) -> Place | None:
    """What eight bytes from there point to."""
    offset = base.moved(instruction.offset).offset
    if base.home == STACK:
        if offset is not None:
            return state.get(offset) if offset < 0 else None
        kept = [place for at, place in state.items() if at < 0 and place.home == OBJECT]
        return kept[0]._replace(offset=None) if kept else None
    if base.home == TOLD:
        return None
    if instruction.core is not None:
        return Place(OBJECT, _at_path(unit, instruction.core), 0)
    return Place(OBJECT, _at(unit, base.type_id, offset) if offset is not None else 0, 0)


def _returned(
    unit: Unit, state: State, returned: Mapping[Function, Place], call: Instruction
) -> Place | None:
    if call.callee is not None:
        return returned.get(call.callee)
    if call.symbol is None:
        if call.immediate in _SAME_OF_CPU:
            given = state.get(1)
            return given if given is not None and given.home == OBJECT else None
        return Place(OBJECT, 0, 0) if call.immediate in _HELPERS else None
    for _, found in unit.each(kinds.FUNC):
        prototype = unit.types[found.type] if found.name == call.symbol.name else None
        if prototype is not None:
            return _of_type(unit, pointee(unit, prototype.type))
    return None


def _of_type(unit: Unit, type_id: int) -> Place | None:
    found = unit.types[type_id]
    is_object = told(unit, type_id) == STRUCT and found is not None and found.name not in _IN_OWN_MEMORY
    return Place(OBJECT, type_id, 0) if is_object else None


def _ksym(unit: Unit, name: str) -> int:
    """The type of a variable of the kernel's."""
    return next(
        (
            layout.resolve(unit.types, found.type)[0]
            for _, found in unit.each(kinds.VAR)
            if found.name == name
        ),
        0,
    )


def told(unit: Unit, type_id: int) -> str:
    """What is known of a type that a pointer points to."""
    found = unit.types[type_id]
    if found is None:
        return UNTOLD
    return STRUCT if found.kind in (kinds.STRUCT, kinds.UNION, kinds.FWD) else OTHER


def pointee(unit: Unit, type_id: int) -> int:
    """The id of what a type points to; 0: it is no pointer, or to void."""
    _, found = layout.resolve(unit.types, type_id)
    return layout.resolve(unit.types, found.type)[0] if found is not None and found.kind == kinds.PTR else 0


def member_at(unit: Unit, type_id: int, offset: int) -> tuple[str, int]:
    """(way to the member at that byte of a declared type, id of its type); ("", 0) where there is none."""
    way = ""
    while True:
        type_id, found = layout.resolve(unit.types, type_id)
        if found is not None and found.kind == kinds.ARRAY:
            size = layout.size_of(unit.types, found.type)
            if not size:
                return "", 0
            way, offset, type_id = f"{way}[{offset // size}]", offset % size, found.type
        elif found is not None and found.kind in (kinds.STRUCT, kinds.UNION):
            inside = _member(unit, found, offset)
            if inside is None:
                return "", 0
            name, start, type_id = inside
            way, offset = f"{way}.{name}" if way else name, offset - start
        else:
            return (way, type_id) if offset == 0 else ("", 0)


def _member(unit: Unit, struct: Type, offset: int) -> tuple[str, int, int] | None:
    """(name, start, type id) of the member that has the byte."""
    for member in struct.members:
        start, size = member.bit_offset // 8, layout.size_of(unit.types, member.type)
        if not member.bits and start <= offset < start + (size or 0):
            return member.name, start, member.type
    return None


def _at(unit: Unit, type_id: int, offset: int) -> int:
    """The type of what a pointer at that byte of a declared type points to."""
    return pointee(unit, member_at(unit, type_id, offset)[1])


def _at_path(unit: Unit, core: Core) -> int:
    """The type of what the field of a CO-RE record points to."""
    type_id = core.type_id
    for step in core.path.split(":")[1:]:
        _, found = layout.resolve(unit.types, type_id)
        if found is None or (found.kind != kinds.ARRAY and int(step) >= len(found.members)):
            return 0
        type_id = found.type if found.kind == kinds.ARRAY else found.members[int(step)].type
    return pointee(unit, type_id)
