"""The one mutable thing: an object under repair, its code, symbols and type information together.

String offsets of `.BTF.ext` are held as text here, so that passes need not care for string tables.
"""

from __future__ import annotations

from pyzbpf.btf import decode as btf_decode
from pyzbpf.btf import encode as btf_encode
from pyzbpf.btf import ext as btf_ext
from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import Type
from pyzbpf.elf import image as elf
from pyzbpf.elf import reader, writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pyzbpf.elf.image import Image, Section, Symbol


class Line:
    """One line record: byte ``offset`` in the section, ``position`` is line << 10 | column."""

    __slots__ = ("file", "offset", "position", "text")

    def __init__(self, offset: int, file: str, text: str, position: int) -> None:
        self.offset = offset
        self.file = file
        self.text = text
        self.position = position


class Unit:
    """An object under repair.

    ``types`` are the BTF types by id (None: void at 0, deleted elsewhere until `squeeze`);
    ``functions`` (byte offset, type id), ``lines`` and ``core`` (byte offset, type id, access path,
    kind) are the records of `.BTF.ext` by section name. ``variables`` are what DATASECs say, by
    section: [VAR id, offset, size]; the DATASECs of the kernel's symbols (`.ksyms`, `.kconfig`), which
    have no section, stay among the types. ``prefixes`` are (absolute folder, what
    stands for it in file names) pairs.
    """

    __slots__ = ("core", "functions", "image", "lines", "prefixes", "types", "variables")

    def __init__(self, image: Image, *, prefixes: Sequence[tuple[str, str]] = ()) -> None:
        self.image = image
        self.prefixes = prefixes
        self.types: list[Type | None] = [None]
        self.variables: dict[Section, list[tuple[int, int, int]]] = {}
        self.functions: dict[str, list[tuple[int, int]]] = {}
        self.lines: dict[str, list[Line]] = {}
        self.core: dict[str, list[tuple[int, int, str, int]]] = {}

    def each(self, *kinds: int) -> Iterator[tuple[int, Type]]:
        """(id, type) of every type of these kinds (of all kinds where none is given)."""
        for type_id, found in enumerate(self.types):
            if found is not None and (not kinds or found.kind in kinds):
                yield type_id, found

    def add_type(self, new: Type) -> int:
        """Append a type; returns its id."""
        self.types.append(new)
        return len(self.types) - 1

    def redirect(self, targets: Mapping[int, int]) -> None:
        """Let every reference to a key name its value instead, and delete the keys.

        Values may be keys themselves; 0 is void.
        """

        def final(type_id: int) -> int:
            seen = set()
            while type_id in targets and type_id not in seen:
                seen.add(type_id)
                type_id = targets[type_id]
            return type_id

        for type_id in targets:
            self.types[type_id] = None
        self._renumber(final)

    def squeeze(self) -> None:
        """Close the gaps that deleted types have left."""
        kept = [type_id for type_id, found in enumerate(self.types) if found is not None]
        new_ids = {old: new for new, old in enumerate(kept, 1)}
        self.types = [None, *(self.types[type_id] for type_id in kept)]
        self._renumber(lambda type_id: new_ids.get(type_id, 0))

    def _renumber(self, new: Callable[[int], int]) -> None:
        for _, found in self.each():
            found.type = new(found.type)
            found.index_type = new(found.index_type)
            for member in found.members:
                member.type = new(member.type)
            found.parameters = [(name, new(type_id)) for name, type_id in found.parameters]
            found.variables = [(new(v), offset, size) for v, offset, size in found.variables]
        for data, variables in self.variables.items():
            self.variables[data] = [(new(v), offset, size) for v, offset, size in variables]
        for section, functions in self.functions.items():
            self.functions[section] = [(offset, new(type_id)) for offset, type_id in functions]
        for section, records in self.core.items():
            self.core[section] = [(offset, new(t), path, kind) for offset, t, path, kind in records]

    def named_symbols(self, section: Section | None = None) -> Iterator[Symbol]:
        """Symbols with a name of their own (of one section)."""
        for symbol in self.image.symbols:
            named = symbol.name and symbol.type not in (elf.STT_SECTION, elf.STT_FILE)
            if named and (section is None or symbol.section is section):
                yield symbol

    def map_definitions(self) -> Iterator[tuple[str, Type]]:
        """(map's name, its struct) of every map of `.maps`."""
        section = self.image.section(".maps")
        if section is None:
            return
        names = {symbol.value: symbol.name for symbol in self.named_symbols(section)}
        for variable_id, offset, _ in self.variables.get(section, ()):
            variable = self.types[variable_id]
            definition = self.types[variable.type] if variable is not None else None
            if definition is not None and definition.kind == kinds.STRUCT and offset in names:
                yield names[offset], definition


def read(data: bytes, *, file: str, prefixes: Sequence[tuple[str, str]] = ()) -> Unit:
    """Take an object apart; raises ObjectError as `elf.reader` and `btf.decode` do."""
    image = reader.read(data, file=file)
    unit = Unit(image, prefixes=prefixes)
    section = image.section(".BTF")
    if section is None:
        return unit
    btf = btf_decode.decode(bytes(section.data), image.endian, file=file)
    unit.types = btf.types
    _take_variables(unit, section)
    more = image.section(".BTF.ext")
    if more is None:
        return unit
    ext = btf_ext.decode(bytes(more.data), btf, file=file)
    text = btf.string
    unit.functions = {s: [(r[0], r[1]) for r in records] for s, records in ext.functions.items()}
    unit.lines = {
        s: [Line(r[0], text(r[1]), text(r[2]), r[3]) for r in records] for s, records in ext.lines.items()
    }
    unit.core = {s: [(r[0], r[1], text(r[2]), r[3]) for r in records] for s, records in ext.core.items()}
    return unit


def _take_variables(unit: Unit, btf_section: Section) -> None:
    """Turn DATASECs into lists of variables by section.

    Sections may share a name (LLVM writes a `.rodata` for what may and one for what may not change),
    and then share a DATASEC; the relocation of an entry says which section it is about.
    """
    relocated = {relocation.offset: relocation.symbol.section for relocation in btf_section.relocations}
    for type_id, found in list(unit.each(kinds.DATASEC)):
        by_name = unit.image.section(found.name)
        for index, (variable, offset, size) in enumerate(found.variables):
            place = found.place + _DATASEC_HEAD + _DATASEC_ENTRY * index + _OFFSET_IN_ENTRY
            section = relocated.get(place) or by_name
            if section is not None:
                unit.variables.setdefault(section, []).append((variable, offset, size))
        if by_name is not None:
            unit.types[type_id] = None


# Bytes before a DATASEC's entries, of an entry, and before the offset in it.
_DATASEC_HEAD, _DATASEC_ENTRY, _OFFSET_IN_ENTRY = 12, 12, 4


def write(unit: Unit) -> bytes:
    """Put the object together again: `.BTF` and `.BTF.ext` made anew, everything else as it stands."""
    image = unit.image
    image.sections = [s for s in image.sections if s.name not in (".BTF", ".BTF.ext")]
    image.symbols = [s for s in image.symbols if s.section is None or s.section in image.sections]
    if len(unit.types) > 1:
        _give_variables(unit)
        unit.squeeze()
        strings = btf_encode.Strings()
        ext = btf_ext.Ext()
        for section, functions in unit.functions.items():
            ext.functions[section] = list(functions)
        for section, lines in unit.lines.items():
            ext.lines[section] = [
                (n.offset, strings.add(n.file), strings.add(n.text), n.position) for n in lines
            ]
        for section, records in unit.core.items():
            ext.core[section] = [(o, t, strings.add(path), kind) for o, t, path, kind in records]
        ext_data = btf_ext.encode(ext, strings, image.endian)
        btf_data = btf_encode.encode(unit.types, strings, image.endian)
        for name, data in ((".BTF", btf_data), (".BTF.ext", ext_data)):
            image.sections.append(elf.Section(name, type=elf.SHT_PROGBITS, data=data, align=4))
    return writer.write(image)


def _give_variables(unit: Unit) -> None:
    """Make a DATASEC of each section's variables, in order of section and offset."""
    for section in unit.image.sections:
        if section in unit.variables:
            made = Type(kinds.DATASEC, section.name, size=len(section.data))
            made.variables = sorted(unit.variables[section], key=lambda variable: variable[1])
            unit.add_type(made)
