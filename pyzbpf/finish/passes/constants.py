"""One `.rodata`: LLVM spreads constants over several sections.

Mergeable ones (`.rodata.cst4`, `.rodata.str1.1`), one for what `linksection(".rodata")` lets change
before loading, one for the rest. libbpf would make a map of each, cilium/ebpf refuses them, and two
sections of one name are one variable map to nobody. Only a linker needs them apart.
"""

from __future__ import annotations

from pyzbpf.elf import image as elf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.elf.image import Section, Symbol
    from pyzbpf.finish.unit import Unit

_NAME = ".rodata"
_MERGEABLE = (".rodata.cst", ".rodata.str")


def run(unit: Unit) -> None:
    image = unit.image
    found = [s for s in image.sections if s.name == _NAME or s.name.startswith(_MERGEABLE)]
    if not found:
        return
    merged = next((section for section in found if section.name == _NAME), found[0])
    merged.name, merged.entry_size = _NAME, 0
    merged.flags &= ~(elf.SHF_MERGE | elf.SHF_STRINGS)
    for section in found:
        if section is not merged:
            _append(unit, merged, section)
    for symbol in image.symbols:
        if symbol.type == elf.STT_SECTION and symbol.section is merged:
            symbol.name = _NAME


def _append(unit: Unit, merged: Section, section: Section) -> None:
    """Move a section's bytes, symbols, variables and the relocations that mean them."""
    image = unit.image
    merged.align = max(merged.align, section.align)
    merged.flags |= section.flags & elf.SHF_WRITE
    merged.data += bytes(-len(merged.data) % section.align)
    base = len(merged.data)
    merged.data += section.data
    for relocation in section.relocations:
        relocation.offset += base
        merged.relocations.append(relocation)
    merged_symbol = section_symbol(unit, merged)
    old_symbols = {
        id(symbol): merged_symbol
        for symbol in image.symbols
        if symbol.section is section and symbol.type == elf.STT_SECTION
    }
    for _, instruction in unit.code.instructions():
        if id(instruction.symbol) in old_symbols:
            instruction.immediate += base
    unit.replace_symbols(old_symbols)
    for symbol in [symbol for symbol in image.symbols if symbol.section is section]:
        if symbol.type == elf.STT_SECTION:
            image.symbols.remove(symbol)
        else:
            symbol.section = merged
            symbol.value += base
    moved = [(variable, offset + base, size) for variable, offset, size in unit.variables.pop(section, ())]
    if moved:
        unit.variables.setdefault(merged, []).extend(moved)
    image.sections.remove(section)


def section_symbol(unit: Unit, section: Section) -> Symbol:
    """The symbol that stands for a section, made where there is none."""
    for symbol in unit.image.symbols:
        if symbol.section is section and symbol.type == elf.STT_SECTION:
            return symbol
    made = elf.Symbol(section.name, section=section, binding=elf.STB_LOCAL, type=elf.STT_SECTION)
    unit.image.symbols.insert(0, made)
    return made
