"""Which function lies at an address of a program or library: for stack traces.

Symbols are read as numbers and named when they are asked for: a browser has half a million.
"""

from __future__ import annotations

import io
import struct
from bisect import bisect_right

from elftools.elf.elffile import ELFFile

from pyzbpf.elf.damage import DAMAGED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_FUNCTIONS = (2, 10)  # STT_FUNC, STT_GNU_IFUNC
# GNU's note of a build: its name, and the type NT_GNU_BUILD_ID.
_GNU, _BUILD_ID = b"GNU\0", 3


class Functions:
    """The functions of one ELF file by address; ``build_id`` is its note in hex ("": it has none).

    ``whole`` tells that it has a symbol table (.symtab) and not only the names that it exports.
    """

    __slots__ = ("_ends", "_names", "_segments", "_starts", "build_id", "whole")

    def __init__(self, data: bytes) -> None:
        """Read a file's contents; one that is damaged or no ELF file has no functions."""
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._names: list[bytes] = []
        self._segments: list[tuple[int, int, int]] = []
        self.build_id = ""
        self.whole = False
        try:
            self._read(data)
        except DAMAGED:
            pass

    def _read(self, data: bytes) -> None:
        elf = ELFFile(io.BytesIO(data))
        for segment in elf.iter_segments():
            if segment["p_type"] == "PT_LOAD":
                self._segments.append((segment["p_offset"], segment["p_filesz"], segment["p_vaddr"]))
        found: dict[int, tuple[int, bytes]] = {}
        for section in elf.iter_sections():
            if section["sh_type"] in ("SHT_SYMTAB", "SHT_DYNSYM"):
                self.whole = self.whole or section["sh_type"] == "SHT_SYMTAB"
                for start, size, name in _symbols(elf, section, data):
                    if size or start not in found:  # an alias with a size says more
                        found[start] = (start + size, name)
            elif section["sh_type"] == "SHT_NOTE":
                self.build_id = self.build_id or _build_id(elf, data, section)
        self._starts = sorted(found)
        self._ends = [found[start][0] for start in self._starts]
        self._names = [found[start][1] for start in self._starts]

    def address_of(self, offset: int) -> int | None:
        """The address, as the file's symbols have it, of what lies at an offset in the file."""
        for start, size, address in self._segments:
            if start <= offset < start + size:
                return offset - start + address
        return None

    def at(self, address: int) -> str | None:
        """The function that holds the address; None where there is none."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        start, end = self._starts[index], self._ends[index]
        # Of functions written in assembly there is no size: they go up to the next.
        if address >= end and end != start:
            return None
        return self._names[index].decode(errors="replace")


def _symbols(elf: ELFFile, section: Any, data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Address, size and name of each function that is defined in the file."""
    strings = elf.get_section(section["sh_link"])
    names = data[strings["sh_offset"] : strings["sh_offset"] + strings["sh_size"]]
    order, wide = "<" if elf.little_endian else ">", elf.elfclass == 64
    # Elf64_Sym: name, info, other, section, value, size; Elf32_Sym: name, value, size, info, other, section.
    layout = struct.Struct(order + ("IBBHQQ" if wide else "IIIBBH"))
    start, size = section["sh_offset"], section["sh_size"]
    for symbol in layout.iter_unpack(data[start : start + size - size % layout.size]):
        if wide:
            name, info, _, place, value, length = symbol
        else:
            name, value, length, info, _, place = symbol
        if info & 15 in _FUNCTIONS and place and value:
            yield value, length, names[name : names.index(b"\0", name)]


def _build_id(elf: ELFFile, data: bytes, section: Any) -> str:
    order = "<" if elf.little_endian else ">"
    position, end = section["sh_offset"], section["sh_offset"] + section["sh_size"]
    while position + 12 <= end:
        name_size, size, kind = struct.unpack_from(order + "III", data, position)
        name_at = position + 12
        at = name_at + (name_size + 3) // 4 * 4
        if kind == _BUILD_ID and data[name_at : name_at + name_size] == _GNU:
            return data[at : at + size].hex()
        position = at + (size + 3) // 4 * 4
    return ""
