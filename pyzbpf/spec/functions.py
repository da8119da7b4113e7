"""Code sections -> functions with their references, lines and type ids."""

from __future__ import annotations

import struct
from bisect import bisect_left

from pyzbpf.btf import types as kinds
from pyzbpf.elf import image as elf
from pyzbpf.errors import ObjectError
from pyzbpf.insn import instruction as insn
from pyzbpf.spec.model import ARENA, JUMP_TABLES, FunctionSpec, Reference
from pyzbpf.uapi.enums import BPF_MAP_TYPE_ARENA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyzbpf.btf.decode import Btf
    from pyzbpf.btf.ext import Ext
    from pyzbpf.elf.image import Image, Relocation, Section, Symbol
    from pyzbpf.spec.model import MapSpec


def entries(image: Image, code: Section) -> Iterator[str]:
    """Names of the programs in a code section: its global functions; `.text` holds none."""
    if code.is_code and not is_subprogram_section(code.name):
        for symbol in _named_functions(image, code):
            if symbol.binding != elf.STB_LOCAL:
                yield symbol.name


def is_subprogram_section(name: str) -> bool:
    """`.text` and what LLVM splits off it (`.text.unlikely.`) hold subprograms only."""
    return name == ".text" or name.startswith(".text.")


def read(image: Image, maps: Mapping[str, MapSpec], ext: Ext, btf: Btf | None) -> Iterator[FunctionSpec]:
    """Every function of every code section, in file order."""
    names = _names(image)
    map_names = _map_names(image)
    callbacks = _exception_callbacks(btf)
    for code in image.sections:
        if not code.is_code or not code.data:
            continue
        reader = _CodeReader(image, code, maps, btf, names=names, map_names=map_names, callbacks=callbacks)
        reader.note(ext)
        if len(code.data) % insn.SIZE:
            raise reader.fault("not a whole number of instructions", len(code.data))
        symbols = _named_functions(image, code)
        if not symbols:
            raise reader.fault("code without a function symbol", 0)
        for symbol in symbols:
            yield reader.function(symbol)


def _named_functions(image: Image, code: Section) -> list[Symbol]:
    """One per place, and every exported name where compilers keep one body for functions that are equal."""
    found, places = [], set()
    for symbol in image.symbols_in(code):  # by place, exported ones first
        if symbol.type == elf.STT_FUNC and (symbol.binding != elf.STB_LOCAL or symbol.value not in places):
            found.append(symbol)
            places.add(symbol.value)
    return found


def _names(image: Image) -> dict[tuple[str, int], str]:
    """(section, place) -> what the function there is called.

    Static functions of objects that were linked together may share a name: then the place is put behind it.
    """
    taken = {s.name for s in image.symbols if s.type == elf.STT_FUNC and s.binding != elf.STB_LOCAL}
    found = {}
    for code in image.sections:
        for symbol in image.functions_in(code) if code.is_code else ():
            name = symbol.name
            if symbol.binding == elf.STB_LOCAL and name in taken:
                name = f"{name}@{code.name}+{symbol.value:#x}"
            taken.add(name)
            found[code.name, symbol.value] = name
    return found


_MAPS = ("maps", ".maps")


def _map_names(image: Image) -> dict[tuple[str, int], str]:
    """(section, place) -> the first name of the map there."""
    found: dict[tuple[str, int], str] = {}
    for section in image.sections:
        for symbol in image.symbols_in(section) if section.name in _MAPS else ():
            found.setdefault((section.name, symbol.value), symbol.name)
    return found


_EXCEPTION_CALLBACK = "exception_callback:"


def _exception_callbacks(btf: Btf | None) -> dict[int, str]:
    """BTF id of a program's function -> the function that the kernel calls when it throws (Linux 6.7)."""
    return {
        tag.type: tag.name.removeprefix(_EXCEPTION_CALLBACK)
        for _, tag in (btf.named(kinds.DECL_TAG) if btf is not None else ())
        if tag.component < 0 and tag.name.startswith(_EXCEPTION_CALLBACK)
    }


class _CodeReader:
    """One code section being read: what every question about it needs."""

    def __init__(
        self,
        image: Image,
        code: Section,
        maps: Mapping[str, MapSpec],
        btf: Btf | None,
        *,
        names: Mapping[tuple[str, int], str],
        map_names: Mapping[tuple[str, int], str],
        callbacks: Mapping[int, str],
    ) -> None:
        self.image = image
        self.code = code
        self.maps = maps
        self.btf = btf
        self.names = names
        self.map_names = map_names
        self.callbacks = callbacks
        self.relocations = {relocation.offset: relocation for relocation in code.relocations}
        self.places = sorted(self.relocations)

    def fault(self, message: str, offset: int, symbol: str | None = None) -> ObjectError:
        return ObjectError(
            message, file=self.image.file, section=self.code.name, symbol=symbol, offset=offset
        )

    def note(self, ext: Ext) -> None:
        """Take the records of this section, in order of their places."""
        self.types = {record[0]: record[1] for record in ext.functions.get(self.code.name, ())}
        self.lines = sorted(ext.lines.get(self.code.name, ()))
        self.records = sorted(ext.core.get(self.code.name, ()))

    def function(self, symbol: Symbol) -> FunctionSpec:
        start, end = symbol.value, symbol.value + symbol.size
        if symbol.size == 0 or start % insn.SIZE or end > len(self.code.data):
            raise self.fault("function of no size or outside of its section", start, symbol.name)
        type_id = self.types.get(start, 0)
        is_exported = symbol.binding != elf.STB_LOCAL
        self.tables: dict[int, Sequence[int]] = {}
        references = list(self.references(start, end))
        return FunctionSpec(
            symbol.name if is_exported else self.names[self.code.name, start],
            section=self.code.name,
            offset=start,
            instructions=bytes(self.code.data[start:end]),
            references=references,
            type_id=type_id,
            exception_callback=self.callbacks.get(type_id, ""),
            lines=[((r[0] - start) // insn.SIZE, r[1], r[2], r[3]) for r in _between(self.lines, start, end)],
            core=list(self.core(start, end)),
            tables=self.tables,
        )

    def core(self, start: int, end: int) -> Iterator[tuple[int, int, str, int]]:
        """The CO-RE records of the instructions from ``start`` to ``end``, offsets from ``start``."""
        for offset, type_id, path, kind, *_ in _between(self.records, start, end):
            if self.btf is None:
                raise self.fault("CO-RE relocations without type information", offset)
            yield offset - start, type_id, self.btf.string(path), kind

    def references(self, start: int, end: int) -> Iterator[Reference]:
        """What the instructions from ``start`` to ``end`` name, offsets from ``start``."""
        data, endian = self.code.data, self.image.endian
        opcodes = data[start : end : insn.SIZE]
        places = self.places[bisect_left(self.places, start) : bisect_left(self.places, end)]
        index = opcodes.find(insn.CALL)
        while index >= 0:  # calls of functions in this section have no relocation
            offset = start + index * insn.SIZE
            if (
                offset not in self.relocations
                and insn.source_register(data, offset, endian) == insn.CALL_FUNCTION
            ):
                places.append(offset)
            index = opcodes.find(insn.CALL, index + 1)
        for offset in sorted(places):
            relocation = self.relocations.get(offset)
            if relocation is not None:
                if relocation.symbol.section is not None and relocation.symbol.section.name == JUMP_TABLES:
                    self.tables[relocation.symbol.value] = self.table(relocation, start, end)
                yield self.relocated(relocation, offset - start)
            else:
                target = offset + insn.SIZE * (1 + insn.immediate(data, offset, endian))
                yield Reference(offset - start, "call", self.function_at(self.code, target, offset))

    def relocated(self, relocation: Relocation, place: int) -> Reference:
        """What a relocated instruction names."""
        offset, symbol = relocation.offset, relocation.symbol
        opcode = self.code.data[offset]
        addend = insn.immediate(self.code.data, offset, self.image.endian)
        wide = opcode == insn.LD_IMM64 and relocation.type == elf.R_BPF_64_64
        if not wide and not (opcode == insn.CALL and relocation.type == elf.R_BPF_64_32):
            raise self.fault(
                f"relocation of type {relocation.type} on an instruction with opcode {opcode:#04x}",
                offset,
                symbol.name,
            )
        target = symbol.section
        if target is None:
            if not symbol.is_undefined:
                raise self.fault("reference to an absolute symbol", offset, symbol.name)
            return Reference(place, "extern" if wide else "kfunc", symbol.name)
        if target.is_code:
            if wide:
                return Reference(place, "function", self.function_at(target, symbol.value + addend, offset))
            at = symbol.value + insn.SIZE * (addend + 1)
            return Reference(place, "call", self.function_at(target, at, offset))
        if not wide:
            raise self.fault("a call of something that is not a function", offset, symbol.name)
        if target.name in _MAPS:
            return Reference(place, "map", self.map_at(target, symbol.value + addend, offset))
        if target.name == JUMP_TABLES:
            return Reference(place, "table", symbol.name, symbol.value)
        if target.name == ARENA:
            arena = next((m.name for m in self.maps.values() if m.type == BPF_MAP_TYPE_ARENA), target.name)
            return Reference(place, "data", arena, symbol.value + addend)
        if target.name not in self.maps:
            raise self.fault(
                f"refers to section '{target.name}', which is neither maps nor data", offset, symbol.name
            )
        return Reference(place, "data", target.name, symbol.value + addend)

    def table(self, relocation: Relocation, start: int, end: int) -> Sequence[int]:
        """Where a jump table leads to, in instructions from ``start``: places between it and ``end``."""
        symbol = relocation.symbol
        assert symbol.section is not None
        found = symbol.section.data[symbol.value : symbol.value + symbol.size]
        count, rest = divmod(len(found), 8)
        if not count or rest or len(found) < symbol.size or symbol.value % 8:
            raise self.fault(
                f"jump table of {symbol.size} bytes at {JUMP_TABLES}+{symbol.value:#x}",
                relocation.offset,
                symbol.name,
            )
        order = "<" if self.image.endian == "little" else ">"
        places = struct.unpack(f"{order}{count}Q", found)
        for place in places:
            if not start <= place < end or place % insn.SIZE:
                raise self.fault(
                    f"a jump table leads to {place:#x}, which is no instruction of its function",
                    relocation.offset, symbol.name,
                )  # fmt: skip
        return [(place - start) // insn.SIZE for place in places]

    def function_at(self, target: Section, at: int, offset: int) -> str:
        name = self.names.get((target.name, at))
        if name is not None:
            return name
        raise self.fault(f"calls {target.name}+{at:#x}, where no function begins", offset)

    def map_at(self, target: Section, at: int, offset: int) -> str:
        """A map by its place: its own symbol plus 0, or (Zig, unfinished) the section plus its offset."""
        name = self.map_names.get((target.name, at))
        if name is not None:
            return name
        raise self.fault(f"refers to {target.name}+{at:#x}, where no map begins", offset)


def _between(records: list[tuple[int, ...]], start: int, end: int) -> list[tuple[int, ...]]:
    """The records whose first number is one of these places."""
    return records[bisect_left(records, (start,)) : bisect_left(records, (end,))]
