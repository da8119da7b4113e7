"""Where a function lies in a program or shared library: what a uprobe is told.

The kernel puts a uprobe at an offset in the file. A symbol says an address; the program headers say
which part of the file is mapped there.
"""

from __future__ import annotations

import io
import struct

from elftools.elf.elffile import ELFFile

from pyzbpf.elf.damage import DAMAGED
from pyzbpf.errors import NotFoundError, ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeVar

    Answer = TypeVar("Answer")

_FUNCTION, _INDIRECT = 2, 10  # STT_FUNC, STT_GNU_IFUNC
_UNDEFINED = 0
_OLD_VERSION = 0x8000  # of an entry of .gnu.version: kept for programs linked long ago


def function_offset(path: str, name: str) -> int:
    """The offset in the file, in bytes, at which the function begins.

    NotFoundError with similar names for one that the symbol tables (.symtab, .dynsym) do not have,
    ObjectError for a file that is not an ELF program or library.
    """
    return function_offsets(path, [name])[0]


def function_offsets(path: str, names: Sequence[str]) -> list[int]:
    """The offsets of several functions, from one reading of the file."""
    return _read(path, lambda elf, tables: [_find(elf, tables, path, name) for name in names])


def function_names(path: str) -> list[str]:
    """The names of all functions that the file defines, and whose place is known before it runs."""
    return _read(path, lambda _, tables: sorted({name for table in tables for name in table.functions()}))


def why_missing(path: str) -> str:
    """What to do about a function that the file does not name: it may be stripped."""
    return _read(path, lambda _, tables: _advice(tables))


def _read(path: str, ask: Callable[[ELFFile, list[_Table]], Answer]) -> Answer:
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] != b"\x7fELF":
        raise ObjectError(
            "not an ELF file",
            file=path,
            advice="A uprobe goes into a program or shared library; for a script, name its interpreter.",
        )
    try:
        elf = ELFFile(io.BytesIO(data))
        tables = [
            _Table(elf, section, data) for section in elf.iter_sections() if section["sh_type"] in _TABLES
        ]
        return ask(elf, tables)
    except DAMAGED as error:
        raise ObjectError(f"damaged or cut-off ELF file ({error})", file=path) from error


_TABLES = ("SHT_SYMTAB", "SHT_DYNSYM")


def _find(elf: ELFFile, tables: list[_Table], path: str, name: str) -> int:
    found = [symbol for table in tables for symbol in table.of(name)[:1]]
    if any(kind == _INDIRECT for kind, _ in found):
        raise ObjectError(
            "is chosen among several functions when the program starts (IFUNC)",
            file=path,
            symbol=name,
            advice="A probe there would see only the choice. Name the function that is chosen, or give its offset=.",
        )
    for _, address in found:
        return _in_file(elf, path, name, address)
    raise NotFoundError(
        f"no function of this name{_similar(name, tables)}", file=path, symbol=name, advice=_advice(tables)
    )


def _in_file(elf: ELFFile, path: str, name: str, address: int) -> int:
    for segment in elf.iter_segments("PT_LOAD"):
        start = segment["p_vaddr"]
        if start <= address < start + segment["p_filesz"]:
            return int(address - start + segment["p_offset"])
    raise ObjectError(
        f"its address {address:#x} is in no part of the file that is loaded",
        file=path,
        symbol=name,
        advice="A file of debug symbols only has no code; name the program itself.",
    )


def _advice(tables: list[_Table]) -> str:
    if any(not table.dynamic for table in tables):
        return "It may have been inlined; static functions and C++ names are as `nm` prints them."
    exported = "the functions it exports are known" if tables else "no name is left"
    return (
        f"The file is stripped: {exported}. Take a build with symbols, or give the place by offset= "
        "(in the file, in bytes; with symbol='' where the section names a function)."
    )


def _similar(name: str, tables: list[_Table]) -> str:
    from difflib import get_close_matches

    known = {text for table in tables for text in table.functions()}
    holding = sorted(text for text in known if name in text)
    near = get_close_matches(name, sorted(known), n=3, cutoff=0.6) or holding
    return f"; did you mean {' or '.join(near[:3])}?" if near else ""


class _Table:
    """A symbol table; symbols are read as numbers, for there may be hundreds of thousands."""

    def __init__(self, elf: ELFFile, section: Any, data: bytes) -> None:
        self.dynamic = section["sh_type"] == "SHT_DYNSYM"
        start, size = section["sh_offset"], section["sh_size"]
        strings = elf.get_section(section["sh_link"])
        self._names = data[strings["sh_offset"] : strings["sh_offset"] + strings["sh_size"]]
        order = "<" if elf.little_endian else ">"
        self._wide = elf.elfclass == 64
        # Elf64_Sym: name, info, other, section, value, size; Elf32_Sym: name, value, size, info, other, section.
        layout = struct.Struct(order + ("IBBHQQ" if self._wide else "IIIBBH"))
        self._symbols = data[start : start + size - size % layout.size]
        self._layout = layout
        self._versions = _versions(elf, data, order) if self.dynamic else ()

    def _all(self) -> Iterator[tuple[int, int, int, int]]:
        """Of each symbol name offset, kind, section, value."""
        for symbol in self._layout.iter_unpack(self._symbols):
            if self._wide:
                name, info, _, section, value, _ = symbol
            else:
                name, value, _, info, _, section = symbol
            yield name, info & 15, section, value

    def of(self, name: str) -> list[tuple[int, int]]:
        """Kind and address of the symbols of that name that are defined here, the version for new programs first."""
        text = name.encode() + b"\0"
        places = set()
        at = self._names.find(text)
        while at >= 0:  # a name may end another one
            places.add(at)
            at = self._names.find(text, at + 1)
        found = [
            (index, kind, value)
            for index, (place, kind, section, value) in enumerate(self._all())
            if place in places and section != _UNDEFINED and kind in (_FUNCTION, _INDIRECT)
        ]
        if self._versions:
            found.sort(key=lambda symbol: self._versions[symbol[0]] & _OLD_VERSION)
        return [(kind, value) for _, kind, value in found]

    def functions(self) -> Iterator[str]:
        """The names of all functions; for a message."""
        for place, kind, section, _ in self._all():
            if kind == _FUNCTION and section != _UNDEFINED:
                yield self._names[place : self._names.index(b"\0", place)].decode(errors="replace")


def _versions(elf: ELFFile, data: bytes, order: str) -> tuple[int, ...]:
    """Of each dynamic symbol the number of its version; empty where the file has none."""
    for section in elf.iter_sections("SHT_GNU_versym"):
        count = section["sh_size"] // 2
        return struct.unpack_from(f"{order}{count}H", data, section["sh_offset"])
    return ()
