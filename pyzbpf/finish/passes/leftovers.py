"""Sections that no loader reads: debug information, unwind tables, the toolchain's notes.

Zig emits DWARF wherever it emits BTF (25 KB for a probe of 900 bytes), with absolute paths in it. And
texts that only marks refer to: what a panic says is in the type information then.
"""

from __future__ import annotations

from pyzbpf.elf import image as elf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit

_TEXTS = ".rodata.str"
_PREFIXES = (".debug_", ".eh_frame", ".comment", ".note.GNU-stack", ".llvm", ".pyzbpf.")


def run(unit: Unit) -> None:
    image = unit.image
    gone = [
        section
        for section in image.sections
        if section.name.startswith(_PREFIXES)
        or section.type == elf.SHT_LLVM_ADDRSIG
        or (section.name in (".text", ".data", ".bss", ".rodata") and not section.data)
    ]
    image.sections = [section for section in image.sections if section not in gone]
    image.symbols = [
        symbol for symbol in image.symbols if symbol.section is None or symbol.section not in gone
    ]
    for section in image.sections:
        if section.name.startswith(".BTF"):
            section.relocations = []  # the values in place are final; BTF offsets are section-relative
    _forget_texts(unit)
    for symbol in [symbol for symbol in image.symbols if symbol.type == elf.STT_FILE]:
        image.symbols.remove(symbol)


def _forget_texts(unit: Unit) -> None:
    image, used = unit.image, unit.used_symbols()
    referred = {id(symbol.section) for symbol in image.symbols if id(symbol) in used}
    image.sections = [
        section
        for section in image.sections
        if not section.name.startswith(_TEXTS) or id(section) in referred
    ]
    kept = {id(section) for section in image.sections}
    image.symbols = [s for s in image.symbols if s.section is None or id(s.section) in kept]
