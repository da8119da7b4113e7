"""What a linker does to an object's type information, done to one that no linker has seen.

clang leaves the sizes of sections and the places of variables in them 0, and the kernel refuses such type
information as a whole. Functions and variables that are hidden are global to the linker only: the verifier
then checks such a function anew for each call, with all that is known there. Both as libbpf does it.
"""

from __future__ import annotations

import struct

from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import ORDER
from pyzbpf.elf import image as elf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.decode import Btf
    from pyzbpf.btf.types import Type
    from pyzbpf.elf.image import Image, Symbol

_HEADER, _RECORD = 12, 12


def complete(btf: Btf, image: Image) -> None:
    """Complete what has just been decoded; nothing changes where a linker was."""
    sections = [
        found for _, found in btf.named(kinds.DATASEC) if not found.size and image.section(found.name)
    ]
    hidden = {
        symbol.name
        for symbol in image.symbols
        if symbol.other & 3 in _HIDDEN and symbol.binding != elf.STB_LOCAL
    }
    if not sections and not hidden:
        return
    data = bytearray(btf.data)
    order = ORDER[btf.endian]
    symbols = {s.name: s for s in image.symbols if s.section is not None and s.binding != elf.STB_LOCAL}
    for found in sections:
        _place(btf, image, found, symbols)
        struct.pack_into(f"{order}I", data, found.place + 8, found.size)
        for number, record in enumerate(found.variables):
            struct.pack_into(f"{order}III", data, found.place + _HEADER + _RECORD * number, *record)
    for _, found in btf.named(kinds.FUNC):
        if found.name in hidden and found.linkage == kinds.GLOBAL:
            found.linkage = kinds.STATIC
            struct.pack_into(f"{order}I", data, found.place + 4, kinds.FUNC << 24 | kinds.STATIC)
    for _, found in btf.named(kinds.VAR):
        if found.name in hidden and found.linkage == kinds.GLOBAL:
            found.linkage = kinds.STATIC
            struct.pack_into(f"{order}I", data, found.place + _HEADER, kinds.STATIC)
    btf.data = bytes(data)


_HIDDEN = (1, 2)  # STV_INTERNAL, STV_HIDDEN


def _place(btf: Btf, image: Image, found: Type, symbols: dict[str, Symbol]) -> None:
    """Give a section its size, and its variables their places; those of static variables are right already."""
    section = image.section(found.name)
    assert section is not None
    found.size = len(section.data)
    records = []
    for entry, offset, size in found.variables:
        variable = btf.get(entry)
        symbol = symbols.get(variable.name)
        if variable.linkage != kinds.STATIC and symbol is not None and symbol.section is section:
            offset = symbol.value
        records.append((entry, offset, size))
    found.variables = sorted(records, key=lambda record: record[1])
