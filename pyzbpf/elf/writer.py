"""`Image` -> the bytes of a relocatable BPF object, the same bytes for the same image.

Order in the file: header, sections as they stand in the image, one relocation section behind the
other, symbol table, strings, section table.
"""

from __future__ import annotations

import struct

from pyzbpf.elf import image as elf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.elf.image import Image, Section, Symbol

_HEADER_SIZE, _SECTION_SIZE, _SYMBOL_SIZE, _REL_SIZE = 64, 64, 24, 16


def write(image: Image) -> bytes:
    """Serialise the image; empty relocation lists get no section, the null symbol is added."""
    order = "<" if image.endian == "little" else ">"
    symbols = _ordered_symbols(image)
    symbol_index = {id(symbol): index for index, symbol in enumerate(symbols, 1)}
    section_index = {id(section): index for index, section in enumerate(image.sections, 1)}
    strings = _Strings()

    out = bytearray(_HEADER_SIZE)
    table = [bytes(_SECTION_SIZE)]

    def add(name: str, kind: int, *, flags: int = 0, data: bytes = b"", size: int | None = None,
            link: int = 0, info: int = 0, align: int = 1, entry_size: int = 0) -> None:  # fmt: skip
        out.extend(bytes(-len(out) % max(align, 1)))
        offset = len(out)
        out.extend(data)
        table.append(
            struct.pack(
                order + "IIQQQQIIQQ",
                strings.add(name), kind, flags, 0, offset, len(data) if size is None else size,
                link, info, align, entry_size,
            )
        )  # fmt: skip

    relocated = [section for section in image.sections if section.relocations]
    symbol_table = 1 + len(image.sections) + len(relocated)
    for section in image.sections:
        empty = section.type == elf.SHT_NOBITS
        add(section.name, section.type, flags=section.flags, data=b"" if empty else bytes(section.data),
            size=len(section.data), align=section.align, entry_size=section.entry_size)  # fmt: skip
    for section in relocated:
        add(".rel" + section.name, elf.SHT_REL, flags=0x40, data=_relocation_table(section, symbol_index, order),
            link=symbol_table, info=section_index[id(section)], align=8, entry_size=_REL_SIZE)  # fmt: skip
    local_count = 1 + sum(symbol.binding == elf.STB_LOCAL for symbol in symbols)
    add(".symtab", elf.SHT_SYMTAB, data=_symbol_table(symbols, section_index, strings, order),
        link=symbol_table + 1, info=local_count, align=8, entry_size=_SYMBOL_SIZE)  # fmt: skip
    name = strings.add(".strtab")
    offset = len(out)
    out.extend(strings.data)
    table.append(
        struct.pack(order + "IIQQQQIIQQ", name, elf.SHT_STRTAB, 0, 0, offset, len(strings.data), 0, 0, 1, 0)
    )
    out.extend(bytes(-len(out) % 8))
    table_offset = len(out)
    out.extend(b"".join(table))
    out[:_HEADER_SIZE] = struct.pack(
        order + "4sBBBB8xHHIQQQIHHHHHH",
        b"\x7fELF", 2, 1 if image.endian == "little" else 2, 1, 0,
        elf.ET_REL, elf.EM_BPF, 1, 0, 0, table_offset, 0, _HEADER_SIZE, 0, 0,
        _SECTION_SIZE, len(table), len(table) - 1,
    )  # fmt: skip
    return bytes(out)


class _Strings:
    def __init__(self) -> None:
        self.data = bytearray(b"\0")
        self._offsets = {"": 0}

    def add(self, text: str) -> int:
        offset = self._offsets.get(text)
        if offset is None:
            offset = self._offsets[text] = len(self.data)
            self.data += text.encode() + b"\0"
        return offset


def _ordered_symbols(image: Image) -> list[Symbol]:
    """Locals first, as ELF demands; the null symbol of the input is dropped, order is kept."""
    named = [s for s in image.symbols if s.name or s.type == elf.STT_SECTION]
    return sorted(named, key=lambda symbol: symbol.binding != elf.STB_LOCAL)


def _relocation_table(section: Section, symbol_index: dict[int, int], order: str) -> bytes:
    return b"".join(
        struct.pack(order + "QQ", r.offset, symbol_index[id(r.symbol)] << 32 | r.type)
        for r in section.relocations
    )


def _symbol_table(
    symbols: list[Symbol], section_index: dict[int, int], strings: _Strings, order: str
) -> bytes:
    table = bytes(_SYMBOL_SIZE)
    for symbol in symbols:
        place = symbol.place if symbol.section is None else section_index[id(symbol.section)]
        name = 0 if symbol.type == elf.STT_SECTION else strings.add(symbol.name)
        table += struct.pack(
            order + "IBBHQQ",
            name,
            symbol.binding << 4 | symbol.type,
            symbol.other,
            place,
            symbol.value,
            symbol.size,
        )
    return table
