"""One `.rodata`: LLVM puts constants into mergeable sections (`.rodata.cst4`, `.rodata.str1.1`).

libbpf would make a map of each, cilium/ebpf refuses them. Only a linker needs them apart.
"""

from __future__ import annotations

from pyzbpf.elf import image as elf
from pyzbpf.insn import instruction as insn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.elf.image import Image, Section
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    image = unit.image
    mergeable = [
        section for section in image.sections if section.name.startswith((".rodata.cst", ".rodata.str"))
    ]
    if not mergeable:
        return
    merged = image.section(".rodata")
    if merged is None:
        merged = elf.Section(".rodata", type=elf.SHT_PROGBITS, flags=elf.SHF_ALLOC)
        image.sections.insert(image.sections.index(mergeable[0]), merged)
    for section in mergeable:
        _append(image, merged, section)


def _append(image: Image, merged: Section, section: Section) -> None:
    merged.align = max(merged.align, section.align)
    merged.data += bytes(-len(merged.data) % section.align)
    base = len(merged.data)
    merged.data += section.data
    section_symbol = next(
        (s for s in image.symbols if s.section is merged and s.type == elf.STT_SECTION), None
    )
    if section_symbol is None:
        section_symbol = elf.Symbol(merged.name, section=merged, binding=elf.STB_LOCAL, type=elf.STT_SECTION)
        image.symbols.insert(0, section_symbol)
    for code in image.sections:
        for relocation in code.relocations:
            if relocation.symbol.section is section and relocation.symbol.type == elf.STT_SECTION:
                addend = insn.immediate(code.data, relocation.offset, image.endian)
                insn.set_immediate(code.data, relocation.offset, image.endian, addend + base)
                relocation.symbol = section_symbol
    for symbol in [s for s in image.symbols if s.section is section]:
        if symbol.type == elf.STT_SECTION:
            image.symbols.remove(symbol)
        else:
            symbol.section = merged
            symbol.value += base
    image.sections.remove(section)
