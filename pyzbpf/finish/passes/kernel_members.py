"""Members of the kernel's types are read where the running kernel has them.

Zig's own dot on such a type (`ctx.next.pid`) reads where the *declaration* has the member, and that has only the
members that are used: the object would load and give what lies there. A load that the SDK makes has a CO-RE record
(`core_records`), which this one lacks, so it is refused. It cannot be made right: which type the author had in mind when
he made the pointer (`@ptrCast`) the code does not tell.
"""

from __future__ import annotations

from pyzbpf.btf.flavour import essential
from pyzbpf.finish.analysis import objects, registers
from pyzbpf.finish.analysis.flow import is_trap
from pyzbpf.finish.analysis.objects import CONTEXT, OBJECT, OTHER, STRUCT, Place
from pyzbpf.finish.analysis.places import Texts, in_force
from pyzbpf.finish.analysis.roles import SDK_FILES, fault, is_program, line_of
from pyzbpf.insn.instruction import CALL
from pyzbpf.spec import read
from pyzbpf.uapi.enums import (
    BPF_PROG_TYPE_LSM,
    BPF_PROG_TYPE_NETFILTER,
    BPF_PROG_TYPE_STRUCT_OPS,
    BPF_PROG_TYPE_TRACEPOINT,
    BPF_PROG_TYPE_TRACING,
    BPF_TRACE_ITER,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.errors import ObjectError
    from pyzbpf.finish.code import Function, Instruction
    from pyzbpf.finish.unit import Unit

# Programs whose context holds pointers to the kernel's objects.
_GIVEN_OBJECTS = (
    BPF_PROG_TYPE_TRACING,
    BPF_PROG_TYPE_LSM,
    BPF_PROG_TYPE_STRUCT_OPS,
    BPF_PROG_TYPE_NETFILTER,
)
# Iterators that are given keys and values of maps as well: those are what the author declares.
_GIVEN_ELEMENTS = ("bpf_map_elem", "bpf_sk_storage_map", "sockmap")
# The kernel's types of tracepoints' contexts, and the member with which each begins.
_TRACEPOINT_TYPE, _TRACEPOINT_HEAD = "trace_event_raw_", "ent"
_ARGUMENTS = range(1, 6)


def run(unit: Unit) -> None:
    if not unit.is_from_zig:
        return
    start = {f: {1: place} for f in unit.code.functions if (place := _context(unit, f)) is not None}
    for function, states in objects.everywhere(unit, start).items():
        lines = in_force(function)
        for index, state in sorted(states.items()):
            line = lines[index]
            if line is not None and line.file.startswith(SDK_FILES):
                continue  # places that are the same on every kernel: registers
            instruction = function.instructions[index]
            _check_access(unit, function, instruction, state.get(registers.pointer(instruction)))
            if instruction.opcode == CALL and instruction.callee is None and not is_trap(instruction):
                for register in _ARGUMENTS:
                    _check_argument(unit, function, instruction, state.get(register))


def _context(unit: Unit, function: Function) -> Place | None:
    """What a program is given, if there are objects of the kernel in it, or if it is one."""
    program = read.program(function.symbol.name, function.section.name)
    prototype = unit.types[function.type_id]
    prototype = unit.types[prototype.type] if prototype is not None else None
    if not is_program(function) or prototype is None or not prototype.parameters:
        return None
    type_id = objects.pointee(unit, prototype.parameters[0][1])
    if program.type in _GIVEN_OBJECTS:
        has_elements = program.attach_type == BPF_TRACE_ITER and program.target in _GIVEN_ELEMENTS
        return Place(CONTEXT, type_id, 0) if not has_elements else None
    declared = unit.types[type_id]
    if (
        program.type == BPF_PROG_TYPE_TRACEPOINT
        and declared is not None
        and essential(declared.name).startswith(_TRACEPOINT_TYPE)
        and (not declared.members or declared.members[0].name != _TRACEPOINT_HEAD)
    ):
        return Place(OBJECT, type_id, 0)
    return None


def _check_access(unit: Unit, function: Function, access: Instruction, base: Place | None) -> None:
    if base is None or base.home != OBJECT or access.core is not None:
        return
    if objects.told(unit, base.type_id) != OTHER:
        verb = "reads" if access.opcode & 7 == registers.LDX else "writes"
        raise _refused(unit, function, access, verb, base.moved(access.offset))


def _check_argument(unit: Unit, function: Function, call: Instruction, given: Place | None) -> None:
    if given is None or given.home != OBJECT or not given.offset:
        return
    if objects.told(unit, given.type_id) == STRUCT:
        raise _refused(unit, function, call, "takes the address of", given)


def _refused(
    unit: Unit, function: Function, instruction: Instruction, verb: str, place: Place
) -> ObjectError:
    declared, member, way = unit.types[place.type_id], "a byte", ""
    if place.offset is not None:
        way = _declared_at(unit, place.type_id, place.offset)
        member = f"byte {place.offset}" + (f" ('{way}')" if way else "")
    name = f"the kernel's '{declared.name}'" if declared is not None else "an object of the kernel's"
    line = line_of(function, instruction)
    text = Texts(unit).of(line).strip() if line is not None else ""
    if text and way and way not in text and ".*" not in text:
        text += "` (in a function that is called there)"
    elif text:
        text += "`"
    return fault(
        unit, function, instruction,
        f"{verb} {member} of {name}, where the Zig declaration has it, not the running kernel"
        + (f": `{text}" if text else ""),
        'a dot knows nothing of the kernel\'s layout: write `bpf.core.load(pointer, "member")` (numbers and pointers), '
        '`bpf.core.read`, `bpf.core.readText`, or `bpf.core.at` (the address), which find the member by its name',
    )  # fmt: skip


def _declared_at(unit: Unit, type_id: int, offset: int) -> str:
    """The way to the member at that byte of a struct as the author declared it; "" where that is not known.

    BTF has nothing of what is behind pointers in structs, and of what CO-RE asks for only the members that it names.
    """
    declared, (way, _) = unit.types[type_id], objects.member_at(unit, type_id, offset)
    if declared is None:
        return way
    members = unit.members()
    known = members.get(declared.name) or members.get(essential(declared.name), {})
    name = known.get(max((start for start in known if start <= offset), default=-1), way)
    return way if way.partition(".")[0].partition("[")[0] == name else name
