"""An ELF file's bytes -> `Image`, by pyelftools, with every fault named.

The one place that knows pyelftools. BPF objects carry REL relocations: the addend stands in the
instruction or data itself.
"""

from __future__ import annotations

import io
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.construct.core import ConstructError
from elftools.elf.elffile import ELFFile

from pyzbpf.elf import image as elf
from pyzbpf.elf.image import Image, Relocation, Section, Symbol
from pyzbpf.errors import ObjectError

_UNTRACKED = (elf.SHT_SYMTAB, elf.SHT_STRTAB, elf.SHT_REL, elf.SHT_RELA, 0)


def read(data: bytes, *, file: str) -> Image:
    """Read a BPF relocatable object of either byte order.

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
        return _read(ELFFile(io.BytesIO(data)), data, file)
    except ObjectError:
        raise
    except (ELFError, ConstructError, ValueError, KeyError, IndexError, AttributeError, TypeError,
            UnicodeDecodeError, AssertionError, OverflowError, MemoryError) as error:  # fmt: skip
        # pyelftools answers damaged files with whatever its parsers trip over.
        raise ObjectError(f"damaged or cut-off ELF file ({error})", file=file) from error


def _read(parsed: ELFFile, data: bytes, file: str) -> Image:
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
        result.symbols = [_symbol(raw, sections, file) for raw in symbol_table.iter_symbols()]
    for raw in raw_sections:
        if _number(raw["sh_type"]) in (elf.SHT_REL, elf.SHT_RELA):
            _relocations(raw, sections, result, file)
    return result


_TYPES = {
    "SHT_NULL": 0, "SHT_PROGBITS": elf.SHT_PROGBITS, "SHT_SYMTAB": elf.SHT_SYMTAB,
    "SHT_STRTAB": elf.SHT_STRTAB, "SHT_RELA": elf.SHT_RELA, "SHT_NOBITS": elf.SHT_NOBITS,
    "SHT_REL": elf.SHT_REL,
}  # fmt: skip
_BINDINGS = {"STB_LOCAL": elf.STB_LOCAL, "STB_GLOBAL": elf.STB_GLOBAL, "STB_WEAK": elf.STB_WEAK}
_SYMBOL_TYPES = {
    "STT_NOTYPE": elf.STT_NOTYPE, "STT_OBJECT": elf.STT_OBJECT, "STT_FUNC": elf.STT_FUNC,
    "STT_SECTION": elf.STT_SECTION, "STT_FILE": elf.STT_FILE,
}  # fmt: skip

_VISIBILITIES = {"STV_DEFAULT": 0, "STV_INTERNAL": 1, "STV_HIDDEN": 2, "STV_PROTECTED": 3}


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


def _symbol(raw: Any, sections: list[Section | None], file: str) -> Symbol:
    place = raw["st_shndx"]
    special = {"SHN_UNDEF": elf.SHN_UNDEF, "SHN_ABS": elf.SHN_ABS, "SHN_COMMON": elf.SHN_COMMON}.get(place)
    section = None
    if special is None:
        if not isinstance(place, int) or place >= len(sections):
            raise ObjectError(f"lies in section {place}, which does not exist", file=file, symbol=raw.name)
        section = sections[place]
    kind = _SYMBOL_TYPES.get(raw["st_info"]["type"], elf.STT_NOTYPE)
    name = section.name if kind == elf.STT_SECTION and section is not None else raw.name
    if section is not None and raw["st_value"] > len(section.data):
        raise ObjectError("lies outside of its section", file=file, section=section.name, symbol=raw.name,
                          offset=raw["st_value"])  # fmt: skip
    return Symbol(
        name,
        section=section,
        value=raw["st_value"],
        size=raw["st_size"],
        binding=_BINDINGS.get(raw["st_info"]["bind"], elf.STB_GLOBAL),
        type=kind,
        other=_VISIBILITIES.get(raw["st_other"]["visibility"], 0),
        place=special if special is not None else elf.SHN_ABS,
    )


def _relocations(raw: Any, sections: list[Section | None], result: Image, file: str) -> None:
    number = raw["sh_info"]
    target = sections[number] if number < len(sections) else None
    if target is None:
        raise ObjectError(f"relocates section {number}, which does not exist", file=file, section=raw.name)
    if raw.is_RELA() and not target.name.startswith((".debug", ".eh_frame")):
        raise ObjectError("RELA relocations are not BPF's", file=file, section=raw.name)
    for item in raw.iter_relocations():
        offset, index = item["r_offset"], item["r_info_sym"]
        if index >= len(result.symbols):
            raise ObjectError(f"names symbol {index}, which does not exist", file=file, section=raw.name,
                              offset=offset)  # fmt: skip
        if offset + 4 > len(target.data):
            raise ObjectError(
                "relocation outside of the section", file=file, section=target.name, offset=offset
            )
        target.relocations.append(Relocation(offset, item["r_info_type"], result.symbols[index]))
    target.relocations.sort(key=lambda relocation: relocation.offset)
