"""An ELF relocatable file in memory: sections, symbols and relocations that refer to each other.

References are objects, not indices, so that sections and symbols can be dropped or moved without
renumbering; `writer.py` numbers them at the end.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

EM_BPF = 247
ET_REL = 1
SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_RELA, SHT_NOBITS, SHT_REL = 1, 2, 3, 4, 8, 9
SHT_LLVM_ADDRSIG = 0x6FFF4C03
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_MERGE, SHF_STRINGS = 1, 2, 4, 0x10, 0x20
STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE = 0, 1, 2, 3, 4
# Where Symbol.section is None, Symbol.place says why.
SHN_UNDEF, SHN_ABS, SHN_COMMON = 0, 0xFFF1, 0xFFF2
# Relocation types of the BPF ELF ABI (Documentation/bpf/llvm_reloc.rst of the kernel).
R_BPF_64_64, R_BPF_64_ABS64, R_BPF_64_ABS32, R_BPF_64_NODYLD32, R_BPF_64_32 = 1, 2, 3, 4, 10


class Section:
    """A section: ``data`` are its bytes (zeros for SHT_NOBITS), ``offset`` its place in the file."""

    __slots__ = ("align", "data", "entry_size", "flags", "name", "offset", "relocations", "type")

    def __init__(
        self,
        name: str,
        *,
        type: int,
        flags: int = 0,
        data: bytes = b"",
        align: int = 1,
        entry_size: int = 0,
        offset: int = 0,
    ) -> None:
        self.name = name
        self.type = type
        self.flags = flags
        self.data = bytearray(data)
        self.align = align
        self.entry_size = entry_size
        self.offset = offset
        self.relocations: list[Relocation] = []

    @property
    def is_code(self) -> bool:
        return bool(self.flags & SHF_EXECINSTR) and self.type == SHT_PROGBITS

    @property
    def is_data(self) -> bool:
        """Whether the section becomes a data map: .rodata*, .data* or .bss*."""
        return bool(self.flags & SHF_ALLOC) and self.name.startswith((".rodata", ".data", ".bss"))

    def __repr__(self) -> str:
        return f"<Section {self.name}, {len(self.data)} bytes>"


class Symbol:
    """A symbol: ``value`` is its byte offset in ``section`` (None: see ``place``)."""

    __slots__ = ("binding", "name", "other", "place", "section", "size", "type", "value")

    def __init__(
        self,
        name: str,
        *,
        section: Section | None,
        value: int = 0,
        size: int = 0,
        binding: int = STB_GLOBAL,
        type: int = STT_NOTYPE,
        other: int = 0,
        place: int = SHN_UNDEF,
    ) -> None:
        self.name = name
        self.section = section
        self.value = value
        self.size = size
        self.binding = binding
        self.type = type
        self.other = other
        self.place = place

    @property
    def is_undefined(self) -> bool:
        return self.section is None and self.place == SHN_UNDEF and self.name != ""

    def __repr__(self) -> str:
        return f"<Symbol {self.name} at {self.section and self.section.name}+{self.value:#x}>"


class Relocation:
    """A relocation at byte ``offset`` of the section that holds it; addends stand in the bytes."""

    __slots__ = ("offset", "symbol", "type")

    def __init__(self, offset: int, type: int, symbol: Symbol) -> None:
        self.offset = offset
        self.type = type
        self.symbol = symbol

    def __repr__(self) -> str:
        return f"Relocation({self.offset:#x}, type={self.type}, {self.symbol.name})"


class Image:
    """The file: ``endian`` is "little" or "big"; ``file`` is its name for messages."""

    __slots__ = ("endian", "file", "sections", "symbols")

    def __init__(self, *, file: str, endian: str) -> None:
        self.file = file
        self.endian = endian
        self.sections: list[Section] = []
        self.symbols: list[Symbol] = []

    def section(self, name: str) -> Section | None:
        """The first section of that name."""
        return next((section for section in self.sections if section.name == name), None)

    def symbols_in(self, section: Section) -> Iterator[Symbol]:
        """Named symbols in a section, by offset, globals before locals at one place."""
        found = (s for s in self.symbols if s.section is section and s.type not in (STT_SECTION, STT_FILE))
        return iter(sorted(found, key=lambda s: (s.value, s.binding == STB_LOCAL, s.name)))

    def functions_in(self, section: Section) -> list[Symbol]:
        """Function symbols by offset, one per place: the global name where Zig leaves a local alias too."""
        found: dict[int, Symbol] = {}
        for symbol in self.symbols_in(section):
            if symbol.type == STT_FUNC:
                found.setdefault(symbol.value, symbol)
        return list(found.values())
