"""Sections that no loader reads: debug information, unwind tables, the toolchain's notes.

Zig emits DWARF wherever it emits BTF (25 KB for a probe of 900 bytes), with absolute paths in it.
"""

from __future__ import annotations

from pyzbpf.elf import image as elf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit

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
    for symbol in [symbol for symbol in image.symbols if symbol.type == elf.STT_FILE]:
        image.symbols.remove(symbol)
