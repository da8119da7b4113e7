"""A small ELF writer for fixtures, on purpose not the product's: two witnesses of one format.

write([Section("xdp", code, EXEC), Section(".data", b"x")], [Symbol("prog", "xdp", size=16)])
"""

from __future__ import annotations

import struct
from typing import NamedTuple

ALLOC, EXEC, WRITE = 2, 6, 3
PROGBITS, NOBITS = 1, 8
LOCAL, GLOBAL, WEAK = 0, 1, 2
NOTYPE, OBJECT, FUNC, SECTION = 0, 1, 2, 3
R_64_64, R_64_32 = 1, 10


class Section(NamedTuple):
    """A section; ``relocations`` are (offset, type, symbol name) with "section:NAME" for its section symbol."""

    name: str
    data: bytes = b""
    flags: int = ALLOC
    type: int = PROGBITS
    relocations: tuple[tuple[int, int, str], ...] = ()
    align: int = 8


class Symbol(NamedTuple):
    """A symbol; ``section`` None means undefined."""

    name: str
    section: str | None
    value: int = 0
    size: int = 0
    type: int = FUNC
    binding: int = GLOBAL


def write(
    sections: list[Section],
    symbols: list[Symbol],
    *,
    endian: str = "little",
    machine: int = 247,
    elf_type: int = 1,
) -> bytes:
    """The bytes of the object."""
    order = "<" if endian == "little" else ">"
    names = [section.name for section in sections]
    table = [Symbol(f"section:{n}", n, type=SECTION, binding=LOCAL) for n in names]
    table += [s for s in symbols if s.binding == LOCAL] + [s for s in symbols if s.binding != LOCAL]
    index = {symbol.name: number for number, symbol in enumerate(table, 1)}
    strings = bytearray(b"\0")

    def text(value: str) -> int:
        strings.extend(value.encode() + b"\0")
        return len(strings) - len(value) - 1

    raw: list[tuple[str, int, int, bytes, int, int, int, int, int]] = [
        (s.name, s.type, s.flags, s.data, 0, 0, s.align, 0, len(s.data)) for s in sections
    ]
    symbol_table = len(raw) + sum(bool(s.relocations) for s in sections) + 1
    for number, section in enumerate(sections, 1):
        if section.relocations:
            data = b"".join(
                struct.pack(order + "QQ", o, index[s] << 32 | t) for o, t, s in section.relocations
            )
            raw.append((".rel" + section.name, 9, 0, data, symbol_table, number, 8, 16, len(data)))
    body = bytes(24)
    for symbol in table:
        place = 0 if symbol.section is None else names.index(symbol.section) + 1
        name = 0 if symbol.type == SECTION else text(symbol.name)
        body += struct.pack(
            order + "IBBHQQ", name, symbol.binding << 4 | symbol.type, 0, place, symbol.value, symbol.size
        )
    local_count = 1 + sum(s.binding == LOCAL for s in table)
    raw.append((".symtab", 2, 0, body, symbol_table + 1, local_count, 8, 24, len(body)))
    names_at = [text(entry[0]) for entry in raw] + [text(".strtab")]
    raw.append((".strtab", 3, 0, bytes(strings), 0, 0, 1, 0, len(strings)))
    out = bytearray(64)
    headers = bytes(64)
    for name_at, (_, kind, flags, data, link, info, align, entry_size, size) in zip(
        names_at, raw, strict=True
    ):
        out += bytes(-len(out) % align)
        headers += struct.pack(
            order + "IIQQQQIIQQ", name_at, kind, flags, 0, len(out), size, link, info, align, entry_size
        )
        out += b"" if kind == NOBITS else data
    out += bytes(-len(out) % 8)
    out[:64] = struct.pack(
        order + "4sBBBB8xHHIQQQIHHHHHH",
        b"\x7fELF", 2, 1 if endian == "little" else 2, 1, 0,
        elf_type, machine, 1, 0, 0, len(out), 0, 64, 0, 0, 64, len(raw) + 1, len(raw),
    )  # fmt: skip
    return bytes(out) + headers
