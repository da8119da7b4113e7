"""Relocations that name the symbol they mean, not the section it lies in.

Zig refers to every variable as section plus offset. libbpf finds a map by the symbol's place alone,
so that with two maps it silently takes the first one for both.
"""

from __future__ import annotations

from pyzbpf.elf import image as elf
from pyzbpf.errors import ObjectError
from pyzbpf.insn import instruction as insn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.elf.image import Relocation, Section, Symbol
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    for code in unit.image.sections:
        if code.is_code:
            for relocation in code.relocations:
                if relocation.type == elf.R_BPF_64_64 and relocation.symbol.type == elf.STT_SECTION:
                    _retarget(unit, code, relocation)


def _retarget(unit: Unit, code: Section, relocation: Relocation) -> None:
    section = relocation.symbol.section
    if section is None or section.is_code:
        return
    image = unit.image
    at = insn.immediate(code.data, relocation.offset, image.endian)
    is_map = section.name in ("maps", ".maps")
    found = _symbol_at(unit, section, at, exact=is_map)
    if found is not None:
        relocation.symbol = found
        insn.set_immediate(code.data, relocation.offset, image.endian, at - found.value)
    elif is_map:
        raise ObjectError(f"refers to {section.name}+{at:#x}, where no exported map begins", file=image.file,
                          section=code.name, offset=relocation.offset,
                          advice="declare maps with `export var`")  # fmt: skip


def _symbol_at(unit: Unit, section: Section, at: int, *, exact: bool) -> Symbol | None:
    """The exported symbol that begins at (or holds) this byte of a section."""
    for symbol in unit.named_symbols(section):
        inside = symbol.value == at if exact else symbol.value <= at < symbol.value + symbol.size
        if inside and symbol.binding != elf.STB_LOCAL:
            return symbol
    return None
