"""An ELF file's bytes -> `Image`, by pyelftools, with every fault named.

The one place that knows pyelftools. BPF objects carry REL relocations: the addend stands in the
instruction or data itself.
"""

from __future__ import annotations

import io
import struct
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.construct.core import ConstructError
from elftools.elf.elffile import ELFFile

from pyzbpf.elf import image as elf
from pyzbpf.elf.image import Image, Relocation, Section, Symbol
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_OF_DEBUG = (".rel.debug", ".rela.debug", ".rel.BTF", ".rel.eh_frame", ".rel.llvm")
_UNTRACKED = (elf.SHT_SYMTAB, elf.SHT_STRTAB, elf.SHT_REL, elf.SHT_RELA, 0)


def read(data: bytes, *, file: str, debug: bool = True) -> Image:
    """Read a BPF relocatable object of either byte order.

    Without ``debug`` the relocations of debug and type information are left out, the most by far; who
    writes the object again needs them.
    Raises ObjectError, naming ``file`` and the place, for a file that is not ELF, not for BPF, not
    relocatable, or cut off.
    """
    if data[:4] != b"\x7fELF":
        raise ObjectError(
            "not an ELF file" if data else "empty file",
            file=file,
            offset=0,
            advice="a BPF object is what `pyzbpf build` or `clang -target bpf -c` writes",
        )
    try:
        return _read(ELFFile(io.BytesIO(data)), data, file, debug=debug)
    except ObjectError:
        raise
    except (ELFError, ConstructError, ValueError, KeyError, IndexError, AttributeError, TypeError,
            UnicodeDecodeError, AssertionError, OverflowError, MemoryError) as error:  # fmt: skip
        # pyelftools answers damaged files with whatever its parsers trip over.
        raise ObjectError(f"damaged or cut-off ELF file ({error})", file=file) from error


def _read(parsed: ELFFile, data: bytes, file: str, *, debug: bool) -> Image:
    header = parsed.header
    machine = header["e_machine"]
    if machine not in ("EM_BPF", elf.EM_BPF):
        raise ObjectError(
            f"an object for {str(machine).removeprefix('EM_')}, not for BPF",
            file=file,
            advice="compile it for bpfel or bpfeb: `pyzbpf build`",
        )
    if parsed.elfclass != 64 or header["e_type"] not in ("ET_REL", elf.ET_REL):
        raise ObjectError("not a 64-bit relocatable object", file=file)
    end = header["e_shoff"] + header["e_shnum"] * header["e_shentsize"]
    if end > len(data) or not header["e_shnum"]:
        raise ObjectError(
            f"cut off: the section table ends at {end:#x}, the file at {len(data):#x}", file=file
        )
    result = Image(file=file, endian="little" if parsed.little_endian else "big")
    raw_sections = list(parsed.iter_sections())
    sections: list[Section | None] = []
    for raw in raw_sections:
        section = _section(raw, data, file)
        sections.append(section if _number(raw["sh_type"]) not in _UNTRACKED else None)
    result.sections = [section for section in sections if section is not None]
    symbol_table: Any = next((r for r in raw_sections if _number(r["sh_type"]) == elf.SHT_SYMTAB), None)
    if symbol_table is not None:
        result.symbols = _symbols(symbol_table, raw_sections, sections, data, result)
    for raw in raw_sections:
        wanted = debug or not raw.name.startswith(_OF_DEBUG)
        if _number(raw["sh_type"]) in (elf.SHT_REL, elf.SHT_RELA) and wanted:
            _relocations(raw, sections, result, data)
    return result


_TYPES = {
    "SHT_NULL": 0, "SHT_PROGBITS": elf.SHT_PROGBITS, "SHT_SYMTAB": elf.SHT_SYMTAB,
    "SHT_STRTAB": elf.SHT_STRTAB, "SHT_RELA": elf.SHT_RELA, "SHT_NOBITS": elf.SHT_NOBITS,
    "SHT_REL": elf.SHT_REL,
}  # fmt: skip
# struct Elf64_Sym, Elf64_Rel and Elf64_Rela of elf.h. Read without pyelftools, which takes 30 us for each, ten
# times as long as everything else: objects have thousands.
_SYMBOL = {"little": struct.Struct("<IBBHQQ"), "big": struct.Struct(">IBBHQQ")}
_REL = {"little": struct.Struct("<QQ"), "big": struct.Struct(">QQ")}
_RELA = {"little": struct.Struct("<QQq"), "big": struct.Struct(">QQq")}
_SPECIAL = (elf.SHN_UNDEF, elf.SHN_ABS, elf.SHN_COMMON)


def _number(section_type: str | int) -> int:
    """Pyelftools names the section types it knows; the others it leaves as numbers."""
    return section_type if isinstance(section_type, int) else _TYPES.get(section_type, 0x6FFFFFFF)


def _section(raw: Any, data: bytes, file: str) -> Section:
    kind, offset, size = _number(raw["sh_type"]), raw["sh_offset"], raw["sh_size"]
    if kind not in (0, elf.SHT_NOBITS) and offset + size > len(data):
        raise ObjectError(
            f"cut off: the section ends at {offset + size:#x} of the file, the file at {len(data):#x}",
            file=file,
            section=raw.name,
        )
    if kind == elf.SHT_NOBITS and size > 1 << 31:
        raise ObjectError(f"{size} bytes are more than a map can hold", file=file, section=raw.name)
    return Section(
        raw.name,
        type=kind,
        flags=raw["sh_flags"],
        data=bytes(size) if kind == elf.SHT_NOBITS else data[offset : offset + size],
        align=raw["sh_addralign"],
        entry_size=raw["sh_entsize"],
        offset=offset,
    )


def _records(raw: Any, layout: struct.Struct, data: bytes) -> Iterator[tuple[int, ...]]:
    """The whole records of a section."""
    start, size = raw["sh_offset"], raw["sh_size"]
    return layout.iter_unpack(data[start : start + size // layout.size * layout.size])


def _symbols(
    table: Any, raw_sections: list[Any], sections: list[Section | None], data: bytes, image: Image
) -> list[Symbol]:
    names = raw_sections[table["sh_link"]]
    texts = data[names["sh_offset"] : names["sh_offset"] + names["sh_size"]]
    return [
        _symbol(record, texts, sections, image.file)
        for record in _records(table, _SYMBOL[image.endian], data)
    ]


def _symbol(record: tuple[int, ...], texts: bytes, sections: list[Section | None], file: str) -> Symbol:
    at, info, other, place, value, size = record
    name = texts[at : texts.index(b"\0", at)].decode(errors="replace")
    section = None
    if place not in _SPECIAL:
        if place >= len(sections):
            raise ObjectError(f"lies in section {place}, which does not exist", file=file, symbol=name)
        section = sections[place]
    binding, kind = info >> 4, info & 15
    if section is not None and value > len(section.data):
        raise ObjectError("lies outside of its section", file=file, section=section.name, symbol=name,
                          offset=value)  # fmt: skip
    return Symbol(
        section.name if kind == elf.STT_SECTION and section is not None else name,
        section=section,
        value=value,
        size=size,
        binding=binding if binding <= elf.STB_WEAK else elf.STB_GLOBAL,
        type=kind if kind <= elf.STT_FILE else elf.STT_NOTYPE,
        other=other & 3,
        place=place if place in _SPECIAL else elf.SHN_ABS,
    )


def _relocations(raw: Any, sections: list[Section | None], result: Image, data: bytes) -> None:
    number, file = raw["sh_info"], result.file
    target = sections[number] if number < len(sections) else None
    if target is None:
        raise ObjectError(f"relocates section {number}, which does not exist", file=file, section=raw.name)
    with_addends = _number(raw["sh_type"]) == elf.SHT_RELA
    if with_addends and not target.name.startswith((".debug", ".eh_frame")):
        raise ObjectError("RELA relocations are not BPF's", file=file, section=raw.name)
    for offset, info, *_ in _records(raw, (_RELA if with_addends else _REL)[result.endian], data):
        index = info >> 32
        if index >= len(result.symbols):
            raise ObjectError(f"names symbol {index}, which does not exist", file=file, section=raw.name,
                              offset=offset)  # fmt: skip
        if offset + 4 > len(target.data):
            raise ObjectError(
                "relocation outside of the section", file=file, section=target.name, offset=offset
            )
        target.relocations.append(Relocation(offset, info & 0xFFFFFFFF, result.symbols[index]))
    target.relocations.sort(key=lambda relocation: relocation.offset)
