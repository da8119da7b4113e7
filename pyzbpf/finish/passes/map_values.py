"""What maps hold from the start: pointers in `.maps` that name a map or a program, in an array without a length.

Zig refers to section plus offset, and offsets of programs change while the finisher works. C declares the
elements as a flexible array; libbpf says "values spec is not a zero-sized array" to any other. The pointers of
a struct of functions (`.struct_ops`) are of the same kind.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import Type
from pyzbpf.elf import image as elf
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.elf.image import Relocation, Section, Symbol
    from pyzbpf.finish.unit import Unit

_POINTER = 8
_MEMBER = "values"
FUNCTION_SECTIONS = (".struct_ops", ".struct_ops.link", "?.struct_ops", "?.struct_ops.link")


def run(unit: Unit) -> None:
    for section in unit.image.sections:
        if section.name in (".maps", *FUNCTION_SECTIONS):
            named = {id(relocation.symbol) for relocation in section.relocations}
            for relocation in section.relocations:
                _name(unit, section, relocation, named)
    for _, definition in list(unit.map_definitions()):
        if definition.members and definition.members[-1].name == _MEMBER:
            _forget_length(unit, definition)


def _name(unit: Unit, section: Section, relocation: Relocation, named: set[int]) -> None:
    """Let a pointer mean a symbol instead of a place.

    Equal programs lie at one place (until `twins`). Which of them is meant comes to the same, but a struct of
    functions wants each of its programs once: ``named`` are the ids (Python's) of those that have a pointer.
    """
    symbol = relocation.symbol
    if symbol.type != elf.STT_SECTION or symbol.section is None:
        return
    place = slice(relocation.offset, relocation.offset + _POINTER)
    at = int.from_bytes(section.data[place], "little" if unit.image.endian == "little" else "big")
    exported = _exported(unit, symbol.section, at)
    found = next((s for s in exported if id(s) not in named), exported[0] if exported else None)
    if found is None:
        what = "program" if symbol.section.is_code else "map"
        raise ObjectError(
            f"refers to {symbol.section.name}+{at:#x}, where no exported {what} begins",
            file=unit.image.file,
            section=section.name,
            offset=relocation.offset,
            advice="maps and programs that a map holds are `export var` and `export fn`; of a program in "
            '`pub const programs` write bpf.entry(@This(), "name")',
        )
    relocation.symbol = found
    named.add(id(found))
    section.data[place] = bytes(_POINTER)


def _exported(unit: Unit, section: Section, at: int) -> list[Symbol]:
    """The exported symbols that begin at this byte of a section."""
    return [s for s in unit.named_symbols(section) if s.value == at and s.binding != elf.STB_LOCAL]


def _forget_length(unit: Unit, definition: Type) -> None:
    """`values: [4]?*const T` becomes `T *values[]`; what Zig knows nothing of is a function."""
    member = definition.members[-1]
    array = unit.types[member.type]
    if array is None or array.kind != kinds.ARRAY or not array.count:
        return
    element_id = array.type
    element = unit.types[element_id]
    while element is not None and element.kind in kinds.MODIFIERS:
        element_id = element.type
        element = unit.types[element_id]
    pointee = unit.types[element.type] if element is not None else None
    if pointee is None or pointee.kind != kinds.STRUCT:
        element_id = unit.add_type(Type(kinds.PTR, type=unit.add_type(Type(kinds.FUNC_PROTO))))
    flexible = Type(kinds.ARRAY, type=element_id)
    flexible.index_type = array.index_type
    member.type = unit.add_type(flexible)
    definition.size = member.bit_offset // 8
