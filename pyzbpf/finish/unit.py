"""The one mutable thing: an object under repair, its code, symbols and type information together.

Code is taken apart into instructions (`code.py`), and the records of `.BTF.ext` hang on them, so that
passes need care neither for offsets nor for string tables.
"""

from __future__ import annotations

import functools

from pyzbpf.btf import decode as btf_decode
from pyzbpf.btf import encode as btf_encode
from pyzbpf.btf import ext as btf_ext
from pyzbpf.btf import layout
from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import Type
from pyzbpf.elf import dwarf, inlined, reader, writer
from pyzbpf.elf import image as elf
from pyzbpf.errors import ObjectError
from pyzbpf.finish import code as codes
from pyzbpf.finish import marks
from pyzbpf.finish.code import Call, Code, Core, Line
from pyzbpf.insn.instruction import SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pyzbpf.btf.decode import Btf
    from pyzbpf.elf.image import Image, Section, Symbol
    from pyzbpf.finish.code import Instruction


class Unit:
    """An object under repair.

    ``code`` holds the functions with all that is known of their instructions; ``types`` are the BTF
    types by id (None: void at 0, deleted elsewhere until `squeeze`). ``variables`` are what DATASECs
    say, by section: (VAR id, offset, size); the DATASECs of the kernel's symbols (`.ksyms`,
    `.kconfig`), which have no section, stay among the types. ``declarations`` are the SDK's texts about
    what may be undefined. ``prefixes`` are (absolute folder, what
    stands for it in file names) pairs, ``source_line`` the source text of a line by such a file name.
    ``is_from_zig`` tells an object that Zig has just compiled from those of clang and finished ones, ``members`` the
    members of structs as they were declared (`elf.dwarf.members`), ``declared`` where types were (`elf.dwarf.declarations`).
    """

    __slots__ = (
        "code", "declarations", "declared", "image", "is_from_zig", "members", "prefixes", "source_line", "types", "variables",
    )  # fmt: skip

    def __init__(
        self,
        image: Image,
        *,
        prefixes: Sequence[tuple[str, str]] = (),
        source_line: Callable[[str, int], str] | None = None,
    ) -> None:
        self.image = image
        self.prefixes = prefixes
        self.source_line = source_line
        self.is_from_zig = False
        self.members: Callable[[], dict[str, dict[int, str]]] = dict
        self.declared: Callable[[], dict[str, tuple[str, int]]] = dict
        self.code = Code()
        self.declarations: list[str] = []
        self.types: list[Type | None] = [None]
        self.variables: dict[Section, list[tuple[int, int, int]]] = {}

    def each(self, *wanted: int) -> Iterator[tuple[int, Type]]:
        """(id, type) of every type of these kinds (of all kinds where none is given)."""
        for type_id, found in enumerate(self.types):
            if found is not None and (not wanted or found.kind in wanted):
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
        for function in self.code.functions:
            function.type_id = new(function.type_id)
        for _, instruction in self.code.instructions():
            if instruction.core is not None:
                instruction.core.type_id = new(instruction.core.type_id)

    def named_symbols(self, section: Section | None = None) -> Iterator[Symbol]:
        """Symbols with a name of their own (of one section)."""
        for symbol in self.image.symbols:
            named = symbol.name and symbol.type not in (elf.STT_SECTION, elf.STT_FILE)
            if named and (section is None or symbol.section is section):
                yield symbol

    def used_symbols(self) -> set[int]:
        """The ids (Python's) of the symbols that code and data refer to."""
        used = {id(r.symbol) for section in self.image.sections for r in section.relocations}
        used |= {id(instruction.symbol) for _, instruction in self.code.instructions()}
        return used

    def replace_symbols(self, replaced: Mapping[int, Symbol]) -> None:
        """Let code and data refer to other symbols; the keys are ids (Python's) of those replaced."""
        for section in self.image.sections:
            for relocation in section.relocations:
                relocation.symbol = replaced.get(id(relocation.symbol), relocation.symbol)
        for _, instruction in self.code.instructions():
            if instruction.symbol is not None:
                instruction.symbol = replaced.get(id(instruction.symbol), instruction.symbol)

    def map_definitions(self) -> Iterator[tuple[str, Type]]:
        """(map's name, its struct) of every map of `.maps`."""
        for name, _, definition in self.map_variables():
            yield name, definition

    def map_variables(self) -> Iterator[tuple[str, int, Type]]:
        """(map's name, its variable's id, its struct) of every map of `.maps`."""
        section = self.image.section(".maps")
        if section is None:
            return
        names = {symbol.value: symbol.name for symbol in self.named_symbols(section)}
        for variable_id, offset, _ in self.variables.get(section, ()):
            variable = self.types[variable_id]
            definition = self.types[variable.type] if variable is not None else None
            if definition is not None and definition.kind == kinds.STRUCT and offset in names:
                yield names[offset], variable_id, definition

    def inner_definition(self, definition: Type) -> Type | None:
        """The struct of the maps that a map of maps holds; None for other maps."""
        last = definition.members[-1] if definition.members else None
        _, found = (
            layout.resolve(self.types, last.type) if last is not None and last.name == "values" else (0, None)
        )
        for kind in (kinds.ARRAY, kinds.PTR):
            if found is None or found.kind != kind:
                return None
            _, found = layout.resolve(self.types, found.type)
        return found if found is not None and found.kind == kinds.STRUCT else None


def read(
    data: bytes,
    *,
    file: str,
    prefixes: Sequence[tuple[str, str]] = (),
    source_line: Callable[[str, int], str] | None = None,
) -> Unit:
    """Take an object apart; raises ObjectError as `elf.reader`, `btf.decode` and `code.decode` do."""
    image = reader.read(data, file=file)
    unit = Unit(image, prefixes=prefixes, source_line=source_line)
    unit.code, places = codes.decode(image)
    unit.is_from_zig = dwarf.is_from_zig(data)
    unit.members = functools.partial(dwarf.members, data)  # asked for by what is refused only, as the next
    unit.declared = functools.partial(dwarf.declarations, data)
    _take_parameters(unit, dwarf.parameter_names(data))
    _take_calls(unit, inlined.calls(data))
    section = image.section(".BTF")
    if section is not None:
        btf = btf_decode.decode(bytes(section.data), image.endian, file=file)
        unit.types = btf.types
        _take_variables(unit, section)
        more = image.section(".BTF.ext")
        if more is not None:
            _take_records(unit, btf, btf_ext.decode(bytes(more.data), btf, file=file), places)
    unit.declarations = marks.take(image, places)
    for code_section in {function.section for function in unit.code.functions}:
        code_section.relocations = []  # they hang on the instructions now
    return unit


def _take_parameters(unit: Unit, names: Mapping[str, list[str]]) -> None:
    """DWARF knows functions by their linkage name, of which Zig leaves a local symbol."""
    functions = {(f.section, f.symbol.value): f for f in unit.code.functions}
    for symbol in unit.named_symbols() if names else ():
        if symbol.section is not None and symbol.name in names:
            function = functions.get((symbol.section, symbol.value))
            if function is not None:
                function.parameters = names[symbol.name]


def _take_calls(unit: Unit, found: Sequence[inlined.Inlined]) -> None:
    """Tell each instruction by which calls it was inlined."""
    by_place = {(f.section, f.symbol.value): f for f in unit.code.functions}
    relocated = {(s.name, r.offset): r.symbol for s in unit.image.sections for r in s.relocations}
    for section, place, start, calls in found:
        symbol = relocated.get((section, place))
        if symbol is None or symbol.section is None:
            continue
        function = by_place.get((symbol.section, symbol.value + start))
        offset = 0
        for instruction in function.instructions if function is not None else ():
            around = [call for call in calls if call.start <= offset < call.end]
            around.sort(key=lambda call: -call.depth)
            instruction.calls = [
                Call(call.file, call.line << 10 | call.column & 0x3FF, call.name) for call in around
            ]
            offset += SIZE * (2 if instruction.is_wide else 1)


def _take_variables(unit: Unit, btf_section: Section) -> None:
    """Turn DATASECs into lists of variables by section.

    Sections may share a name (LLVM writes a `.rodata` for what may and one for what may not change),
    and then share a DATASEC; the relocation of an entry says which section it is about.
    """
    relocated = {relocation.offset: relocation.symbol for relocation in btf_section.relocations}
    for type_id, found in list(unit.each(kinds.DATASEC)):
        by_name = unit.image.section(found.name)
        for index, (variable, offset, size) in enumerate(found.variables):
            place = found.place + _DATASEC_HEAD + _DATASEC_ENTRY * index + _OFFSET_IN_ENTRY
            symbol = relocated.get(place)
            section = by_name
            if symbol is not None and symbol.section is not None:
                section = symbol.section
                offset += symbol.value  # clang names the variable, and leaves 0 in its place
            if section is not None:
                unit.variables.setdefault(section, []).append((variable, offset, size))
        if by_name is not None:
            unit.types[type_id] = None


# Bytes before a DATASEC's entries, of an entry, and before the offset in it.
_DATASEC_HEAD, _DATASEC_ENTRY, _OFFSET_IN_ENTRY = 12, 12, 4


def _take_records(
    unit: Unit, btf: Btf, ext: btf_ext.Ext, places: Mapping[tuple[Section, int], Instruction]
) -> None:
    """Hang the records of `.BTF.ext` on functions and instructions."""
    first = {id(function.instructions[0]): function for function in unit.code.functions}
    sections = {function.section.name: function.section for function in unit.code.functions}

    def at(name: str, offset: int) -> Instruction:
        section = sections.get(name)
        found = places.get((section, offset)) if section is not None else None
        if found is None:
            raise ObjectError("a record for a place where no instruction begins", file=unit.image.file,
                              section=name, offset=offset)  # fmt: skip
        return found

    for name, functions in ext.functions.items():
        for offset, type_id in functions:
            function = first.get(id(at(name, offset)))
            if function is not None:
                function.type_id = type_id
    for name, lines in ext.lines.items():
        for offset, file, text, position in lines:
            # Where there are two for one instruction (inline assembly that emits nothing makes them)
            # the last counts: the kernel says "Invalid line_info" to both.
            at(name, offset).line = Line(btf.string(file), btf.string(text), position)
    for name, cores in ext.core.items():
        for offset, type_id, path, kind in cores:
            at(name, offset).core = Core(type_id, btf.string(path), kind)


def write(unit: Unit) -> bytes:
    """Put the object together again: code, `.BTF` and `.BTF.ext` made anew, the rest as it stands."""
    image = unit.image
    _give_variables(unit)
    unit.squeeze()
    _give_type_ids(unit)
    offsets = codes.encode(unit.code, image)
    image.sections = [s for s in image.sections if s.name not in (".BTF", ".BTF.ext")]
    image.symbols = [s for s in image.symbols if s.section is None or s.section in image.sections]
    if len(unit.types) > 1:
        strings = btf_encode.Strings()
        ext_data = btf_ext.encode(_records(unit, offsets, strings), strings, image.endian)
        btf_data = btf_encode.encode(unit.types, strings, image.endian)
        for name, data in ((".BTF", btf_data), (".BTF.ext", ext_data)):
            image.sections.append(elf.Section(name, type=elf.SHT_PROGBITS, data=data, align=4))
    return writer.write(image)


def _records(unit: Unit, offsets: Mapping[Instruction, int], strings: btf_encode.Strings) -> btf_ext.Ext:
    """The tables of `.BTF.ext` from what hangs on functions and instructions."""
    ext = btf_ext.Ext()
    for function in unit.code.functions:
        name = function.section.name
        if function.type_id:
            ext.functions.setdefault(name, []).append((function.symbol.value, function.type_id))
        for instruction in function.instructions:
            line, core, offset = instruction.line, instruction.core, offsets[instruction]
            if line is not None:
                record = (offset, strings.add(line.file), strings.add(line.text), line.position)
                ext.lines.setdefault(name, []).append(record)
            if core is not None:
                ext.core.setdefault(name, []).append(
                    (offset, core.type_id, strings.add(core.path), core.kind)
                )
    return ext


def _give_type_ids(unit: Unit) -> None:
    """CO-RE's type ids stand in the instructions too, and are final only now."""
    for _, instruction in unit.code.instructions():
        core = instruction.core
        if core is not None and core.kind in codes.TYPE_ID_KINDS:
            instruction.immediate = core.type_id


def _give_variables(unit: Unit) -> None:
    """Make a DATASEC of each section's variables, in order of section and offset."""
    for section in unit.image.sections:
        if section in unit.variables:
            made = Type(kinds.DATASEC, section.name, size=len(section.data))
            made.variables = sorted(unit.variables[section], key=lambda variable: variable[1])
            unit.add_type(made)
