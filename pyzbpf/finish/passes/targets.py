"""Relocations that name the symbol they mean, not the section it lies in.

Zig refers to every variable as section plus offset. libbpf finds a map by the symbol's place alone,
so that with two maps it silently takes the first one for both.

What lies inside a variable stays section plus offset. clang never writes a symbol plus offset, and
cilium/ebpf silently takes the variable's start for it.
"""

from __future__ import annotations

from pyzbpf.elf import image as elf
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.elf.image import Section, Symbol
    from pyzbpf.finish.code import Function, Instruction
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    for function, instruction in unit.code.instructions():
        symbol = instruction.symbol
        if instruction.relocation_type == elf.R_BPF_64_64 and symbol is not None:
            section = symbol.section
            if symbol.type == elf.STT_SECTION and section is not None and not section.is_code:
                _retarget(unit, function, instruction, section)


def _retarget(unit: Unit, function: Function, instruction: Instruction, section: Section) -> None:
    at = instruction.immediate
    found = _symbol_at(unit, section, at)
    if found is not None:
        instruction.symbol = found
        instruction.immediate = 0
    elif section.name in ("maps", ".maps"):
        raise ObjectError(
            f"refers to {section.name}+{at:#x}, where no exported map begins",
            file=unit.image.file,
            section=function.section.name,
            symbol=function.symbol.name,
            offset=unit.code.offset_of(function, instruction),
            advice="declare maps with `export var`",
        )


def _symbol_at(unit: Unit, section: Section, at: int) -> Symbol | None:
    """The exported symbol that begins at this byte of a section."""
    for symbol in unit.named_symbols(section):
        if symbol.value == at and symbol.binding != elf.STB_LOCAL:
            return symbol
    return None
