"""Members of a struct of functions (`.struct_ops`) are pointers to the functions that they are given.

A probe in Zig names them `?*const anyopaque`; libbpf says "cannot relocate non func ptr" to a pointer to nothing.
"""

from __future__ import annotations

from pyzbpf.btf import layout
from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import Type
from pyzbpf.finish.passes.map_values import FUNCTION_SECTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.types import Member
    from pyzbpf.elf.image import Section
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    prototypes = {
        f.symbol: found.type for f in unit.code.functions if (found := unit.types[f.type_id]) is not None
    }
    pointers: dict[int, int] = {}  # by prototype
    for section in unit.image.sections if unit.is_from_zig else ():
        for relocation in section.relocations if section.name in FUNCTION_SECTIONS else ():
            member = _member(unit, section, relocation.offset)
            prototype = prototypes.get(relocation.symbol)
            if member is not None and prototype is not None and _points_to_nothing(unit, member.type):
                if prototype not in pointers:
                    pointers[prototype] = unit.add_type(Type(kinds.PTR, type=prototype))
                member.type = pointers[prototype]


def _member(unit: Unit, section: Section, place: int) -> Member | None:
    """The member of a struct in this section that begins at this byte."""
    for variable_id, start, _ in unit.variables.get(section, ()):
        variable = unit.types[variable_id]
        _, found = layout.resolve(unit.types, variable.type if variable is not None else 0)
        for member in found.members if found is not None and found.kind == kinds.STRUCT else ():
            if start * 8 + member.bit_offset == place * 8:
                return member
    return None


def _points_to_nothing(unit: Unit, type_id: int) -> bool:
    _, found = layout.resolve(unit.types, type_id)
    return found is not None and found.kind == kinds.PTR and layout.resolve(unit.types, found.type)[1] is None
