"""A struct of functions of an object -> the value that this kernel registers. Pure: the kernel answers through a Target.

The kernel may have the members at other places, and lack some: what is zero is left out then. A program
is checked for the member that it stands in, which its load names. The rules are libbpf's.
"""

from __future__ import annotations

from pyzbpf.adapt._core_types import resolve, size_of
from pyzbpf.adapt.target import NO_TYPES, LocalTypes
from pyzbpf.btf import types as kinds
from pyzbpf.btf.flavour import essential
from pyzbpf.errors import ObjectError, UnsupportedError
from pyzbpf.uapi import since
from pyzbpf.uapi.enums import BPF_MAP_TYPE_STRUCT_OPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyzbpf.adapt.target import Target, Types
    from pyzbpf.btf.types import Member, Type
    from pyzbpf.spec.model import MapSpec, ObjectSpec

# The kernel's name for what is stored: a state, a count, and the struct itself as one of its members.
_VALUE = "bpf_struct_ops_"

_POINTER = 8


class StructOps:
    """What one struct becomes.

    ``type_id`` is the kernel's type of the whole ``value``, whose functions are still empty: ``programs`` are
    (offset in it, name). ``places`` says for each program the type that it is checked against and the number
    of the member in it. ``module`` is the module whose types the ids are of ("": the kernel's own).
    """

    __slots__ = ("module", "places", "programs", "type_id", "value")

    def __init__(self, type_id: int, size: int, module: str) -> None:
        self.type_id = type_id
        self.module = module
        self.value = bytearray(size)
        self.programs: list[tuple[int, str]] = []
        self.places: dict[str, tuple[int, int]] = {}


def adapt(spec: ObjectSpec, map: MapSpec, open_target: Callable[[], Target]) -> StructOps:
    """Make a struct of functions ready; the spec is not changed."""
    assert spec.btf is not None, "struct_ops maps are read from it"
    assert map.contents is not None, "and their members are its bytes"
    local = LocalTypes(spec.btf)
    _, mine = spec.btf.resolve(map.value_type)
    assert mine is not None, "it was read as a struct"
    types, whole, inside, theirs = _find(spec, map, mine, open_target)
    ready = StructOps(types.id_of(whole), whole.size, "" if types.first == 1 else types.name)
    names = {member.name: number for number, member in enumerate(theirs.members)}
    programs = dict(map.values)
    for member in mine.members:
        start = member.bit_offset // 8
        program = programs.pop(start, None)
        raw = bytes(map.contents[start : start + size_of(local, local.get(member.type))])
        number = names.get(member.name)
        if number is None:
            if any(raw):
                raise _fault(spec, map, member, f"this kernel's struct {theirs.name} has no such member")
            continue  # what this kernel does not call
        there = theirs.members[number]
        if member.bits or there.bits:
            raise _fault(spec, map, member, "bit fields are not supported")
        kind, kind_there = resolve(local, local.get(member.type)), resolve(types, types.get(there.type))
        if (kind and kind.kind) != (kind_there and kind_there.kind):
            raise _fault(spec, map, member, "it is of another kind in this kernel")
        place = inside + there.bit_offset // 8
        if kind is not None and kind.kind == kinds.PTR:
            assert kind_there is not None, "it is of the same kind"
            _function(spec, map, member, resolve(types, types.get(kind_there.type)), program)
            if program is not None:
                ready.programs.append((place, program))
                ready.places[program] = (types.id_of(theirs), number)
            continue
        if len(raw) != size_of(types, kind_there):
            raise _fault(
                spec, map, member, f"it has {len(raw)} bytes, and {size_of(types, kind_there)} in this kernel"
            )
        ready.value[place : place + len(raw)] = raw
    if programs:
        offset, name = next(iter(programs.items()))
        raise ObjectError(f"no member of struct {mine.name} at offset {offset} for '{name}'",
                          file=spec.file, section=map.section, symbol=map.name)  # fmt: skip
    return ready


def _find(
    spec: ObjectSpec, map: MapSpec, mine: Type, open_target: Callable[[], Target]
) -> tuple[Types, Type, int, Type]:
    """The kernel's types, that of the value, where the struct is in it, and the struct."""
    name = essential(mine.name)
    try:
        target = open_target()
    except UnsupportedError as error:
        raise UnsupportedError(
            f"map '{map.name}': a struct of functions, which is checked against the kernel's type information,",
            since=since.MAPS[BPF_MAP_TYPE_STRUCT_OPS],
            advice=NO_TYPES,
        ) from error
    for types, whole in target.find(_VALUE + name, kinds.STRUCT):
        if whole.name != _VALUE + name:
            continue
        for member in whole.members:
            found = types.get(member.type)
            if found is not None and found.kind == kinds.STRUCT and found.name == name:
                return types, whole, member.bit_offset // 8, found
    raise UnsupportedError(
        f"map '{map.name}': struct {name} of functions",
        advice=f"{spec.file}: {target.name} has no struct {_VALUE}{name}, nor has a module that is loaded, so nothing takes "
        f"such a struct; it was built without it, or is too old. Leave the map out with spec.maps['{map.name}'].autocreate = False.",
    )


def _function(
    spec: ObjectSpec, map: MapSpec, member: Member, prototype: Type | None, program: str | None
) -> None:
    if program is None:
        return
    if prototype is None or prototype.kind != kinds.FUNC_PROTO:
        raise _fault(spec, map, member, "it is no function in this kernel")
    if program not in spec.programs:
        raise _fault(spec, map, member, f"the object has no program '{program}'")


def _fault(spec: ObjectSpec, map: MapSpec, member: Member, message: str) -> ObjectError:
    return ObjectError(
        f"member '{member.name}': {message}", file=spec.file, section=map.section, symbol=map.name
    )
