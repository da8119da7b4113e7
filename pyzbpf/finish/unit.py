"""The one mutable thing: an object under repair, its code, symbols and type information together.

String offsets of `.BTF.ext` are held as text here, so that passes need not care for string tables.
"""

from __future__ import annotations

from pyzbpf.btf import decode as btf_decode
from pyzbpf.btf import encode as btf_encode
from pyzbpf.btf import ext as btf_ext
from pyzbpf.elf import image as elf
from pyzbpf.elf import reader, writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pyzbpf.btf.types import Type
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
    kind) are the records of `.BTF.ext` by section name. ``prefixes`` are (absolute folder, what
    stands for it in file names) pairs.
    """

    __slots__ = ("core", "functions", "image", "lines", "prefixes", "types")

    def __init__(self, image: Image, *, prefixes: Sequence[tuple[str, str]] = ()) -> None:
        self.image = image
        self.prefixes = prefixes
        self.types: list[Type | None] = [None]
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


def read(data: bytes, *, file: str, prefixes: Sequence[tuple[str, str]] = ()) -> Unit:
    """Take an object apart; raises ObjectError as `elf.reader` and `btf.decode` do."""
    image = reader.read(data, file=file)
    unit = Unit(image, prefixes=prefixes)
    section = image.section(".BTF")
    if section is None:
        return unit
    btf = btf_decode.decode(bytes(section.data), image.endian, file=file)
    unit.types = btf.types
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


def write(unit: Unit) -> bytes:
    """Put the object together again: `.BTF` and `.BTF.ext` made anew, everything else as it stands."""
    image = unit.image
    image.sections = [s for s in image.sections if s.name not in (".BTF", ".BTF.ext")]
    image.symbols = [s for s in image.symbols if s.section is None or s.section in image.sections]
    if len(unit.types) > 1:
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
