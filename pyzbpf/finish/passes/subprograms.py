"""One `.text`: LLVM puts functions that it thinks are seldom called into `.text.unlikely.`.

libbpf takes every section but `.text` for one of programs: "program 'give_up' is static and not
supported".
"""

from __future__ import annotations

from pyzbpf.elf import image as elf
from pyzbpf.finish.passes.constants import section_symbol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.elf.image import Section
    from pyzbpf.finish.unit import Unit

_NAME = ".text"


def run(unit: Unit) -> None:
    spread = [s for s in unit.image.sections if s.is_code and s.name.startswith(_NAME + ".")]
    if not spread:
        return
    merged = unit.image.section(_NAME) or spread[0]
    merged.name = _NAME
    stands_for = section_symbol(unit, merged)
    stands_for.name = _NAME
    for section in spread:
        if section is not merged:
            _move(unit, section, merged)
            unit.image.sections.remove(section)
    order = {section: number for number, section in enumerate(unit.image.sections)}
    unit.code.functions.sort(key=lambda function: order[function.section])


def _move(unit: Unit, section: Section, merged: Section) -> None:
    """Functions and symbols; where in the section they lie is counted again when code is written."""
    stands_for = section_symbol(unit, merged)
    symbols = [symbol for symbol in unit.image.symbols if symbol.section is section]
    gone = {id(symbol): stands_for for symbol in symbols if symbol.type == elf.STT_SECTION}
    unit.replace_symbols(gone)
    unit.image.symbols = [symbol for symbol in unit.image.symbols if id(symbol) not in gone]
    for symbol in symbols:
        symbol.section = merged
    for function in unit.code.functions:
        if function.section is section:
            function.section = merged
