"""Map definitions -> MapSpec: the BTF form of `.maps` and the legacy records of `maps`."""

from __future__ import annotations

import struct

from pyzbpf.btf import types as kinds
from pyzbpf.elf import image as elf
from pyzbpf.errors import ObjectError
from pyzbpf.spec.model import NESTED, MapSpec
from pyzbpf.uapi import enums as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Literal

    from pyzbpf.btf.decode import Btf
    from pyzbpf.btf.types import Member, Type
    from pyzbpf.elf.image import Image, Relocation, Symbol

# Decl tags that the finisher writes, each with a map's name behind it: on a type, that this ring or
# perf buffer carries it; the same of a struct of a tag and a union, of which records hold one member; on a variable,
# that it counts the events that found no room there.
EVENT_TAG = "pyzbpf.event:"
TAGGED_TAG = "pyzbpf.tagged_event:"
LOST_TAG = "pyzbpf.lost:"
# On a map's variable: what its numbers mean.
AGGREGATE_TAG = "pyzbpf."

PIN_NONE, PIN_BY_NAME = 0, 1  # enum libbpf_pin_type

INNER = ".inner"  # what libbpf calls the map that shows a map of maps what it holds
_POINTER = 8  # bytes of a pointer in an object, whatever the machine

_LEGACY_WITH_PINNING = 28
_LEGACY_FIELDS = ("type", "key_size", "value_size", "max_entries", "flags")


def legacy(image: Image) -> Iterator[MapSpec]:
    """Maps of the `maps` section: five 32-bit words each (later ones may be left out).

    Seven are Rust's (aya): an id, and whether the map is pinned by name. More are iproute2's, which means
    other things by them, and looks for its maps itself.
    """
    section = image.section("maps")
    if section is None:
        return
    symbols = _objects(image, "maps")
    ends = [symbol.value for symbol in symbols[1:]] + [len(section.data)]
    for symbol, end in zip(symbols, ends, strict=True):
        size = symbol.size or end - symbol.value
        if size < 16 or symbol.value + size > len(section.data):
            raise ObjectError(
                f"a map definition of {size} bytes; it needs type, key size, value size and max entries",
                file=image.file, section="maps", symbol=symbol.name, offset=symbol.value,
            )  # fmt: skip
        words = min(size // 4, len(_LEGACY_FIELDS))
        order = "<" if image.endian == "little" else ">"
        values = struct.unpack_from(f"{order}{words}I", section.data, symbol.value)
        found = MapSpec(symbol.name, section="maps", **dict(zip(_LEGACY_FIELDS[:words], values, strict=True)))
        if size == _LEGACY_WITH_PINNING:
            (found.pinning,) = struct.unpack_from(f"{order}I", section.data, symbol.value + 24)
        yield found


def from_btf(image: Image, btf: Btf | None) -> Iterator[MapSpec]:
    """Maps of the `.maps` section, each a struct whose members encode numbers as array lengths."""
    if image.section(".maps") is None:
        return
    if btf is None:
        raise ObjectError("BTF-defined maps need the object's .BTF section, which is missing",
                          file=image.file, section=".maps",
                          advice="compile with debug information (clang -g)")  # fmt: skip
    structs = _definition_structs(btf)
    events, tagged = dict(_tagged(btf, EVENT_TAG)), dict(_tagged(btf, TAGGED_TAG))
    counters: dict[str, list[str]] = {}
    for map_name, variable_id in _tagged(btf, LOST_TAG):
        counters.setdefault(map_name, []).append(btf.get(variable_id).name)
    aggregates = _aggregates(btf)
    for symbol in _objects(image, ".maps"):
        definition = structs.get(symbol.name) or structs.get(symbol.value)
        if definition is None:
            raise ObjectError("no BTF type describes this map", file=image.file, section=".maps",
                              symbol=symbol.name, offset=symbol.value)  # fmt: skip
        found = MapSpec(symbol.name, section=".maps", type=0)
        _read_definition(btf, found, definition, file=image.file)
        found.values = _values(image, symbol, definition, found)
        for map in filter(None, (found, found.inner)):
            map.event_type = events.get(map.name, tagged.get(map.name, map.event_type))
            map.event_is_tagged |= map.name in tagged
            map.lost_variables = tuple(sorted(counters.get(map.name, ())))
        found.aggregate = aggregates.get(symbol.name, "")
        yield found


def _aggregates(btf: Btf) -> dict[str, str]:
    """Map's name -> what its tag says."""
    found = {}
    for _, tag in btf.named(kinds.DECL_TAG):
        text = tag.name.removeprefix(AGGREGATE_TAG)
        if text != tag.name and text.partition(":")[0] in AGGREGATE_MEMBERS.values():
            found[btf.get(tag.type).name] = text
    return found


def _read_definition(btf: Btf, found: MapSpec, definition: Type, *, file: str) -> None:
    """Every member of the struct, in order: `values` comes last and asks what the type is."""
    for member in definition.members:
        read = _ATTRIBUTES.get(member.name)
        if read is None:
            raise ObjectError(f"unknown map attribute '{member.name}'; known are {', '.join(_ATTRIBUTES)}",
                              file=file, section=".maps", symbol=found.name)  # fmt: skip
        try:
            read(btf, found, member)
        except ObjectError as error:
            if error.symbol is not None:  # an attribute of the maps in a map of maps
                error.file = file
                raise
            raise ObjectError(f"attribute '{member.name}': {error.message}", file=file,
                              section=".maps", symbol=found.name) from error  # fmt: skip


def _values(image: Image, symbol: Symbol, definition: Type, found: MapSpec) -> list[tuple[int, str]]:
    """What relocations put into the flexible array `values` at the end of the definition."""
    section = image.section(".maps")
    assert section is not None
    start = symbol.value
    end = start + symbol.size if symbol.size else len(section.data)
    relocations = [r for r in section.relocations if start <= r.offset < end]
    if not relocations:
        return []
    last = definition.members[-1]
    first = start + last.bit_offset // 8
    values = []
    for relocation in relocations:
        index, rest = divmod(relocation.offset - first, _POINTER)
        name = _target(image, relocation)
        if last.name != "values" or index < 0 or rest or name is None:
            raise ObjectError(
                f"a value that is not an element of 'values': '{relocation.symbol.name}'",
                file=image.file, section=".maps", symbol=found.name, offset=relocation.offset,
            )  # fmt: skip
        values.append((index, name))
    return values


def _target(image: Image, relocation: Relocation) -> str | None:
    """The map or program that a pointer in `.maps` means: its own symbol, or a place in its section."""
    symbol = relocation.symbol
    if symbol.section is None or symbol.type != elf.STT_SECTION:
        return symbol.name if symbol.section is not None else None
    section = image.section(".maps")
    assert section is not None
    order: Literal["little", "big"] = "little" if image.endian == "little" else "big"
    addend = int.from_bytes(section.data[relocation.offset : relocation.offset + _POINTER], order)
    return next((s.name for s in image.symbols_in(symbol.section) if s.value == addend), None)


def _tagged(btf: Btf, prefix: str) -> Iterator[tuple[str, int]]:
    """What follows the prefix in decl tags, and the id of the tagged type."""
    for _, tag in btf.named(kinds.DECL_TAG):
        if tag.name.startswith(prefix):
            yield tag.name.removeprefix(prefix), tag.type


def _objects(image: Image, section_name: str) -> list[Symbol]:
    """One symbol per place, the global one where Zig leaves a local alias too."""
    section = image.section(section_name)
    found: dict[int, Symbol] = {}
    if section is not None:
        for symbol in image.symbols_in(section):
            if symbol.type in (elf.STT_OBJECT, elf.STT_NOTYPE):
                found.setdefault(symbol.value, symbol)
    return list(found.values())


def _definition_structs(btf: Btf) -> dict[str | int, Type]:
    """The struct of each map by variable name, and by offset for objects not yet finished."""
    found: dict[str | int, Type] = {}
    section = btf.find(".maps", kinds.DATASEC)
    for variable_id, offset, _ in btf.get(section).variables if section else ():
        variable = btf.get(variable_id)
        _, definition = btf.resolve(variable.type)
        if definition is not None and definition.kind == kinds.STRUCT:
            found[variable.name] = definition
            found[offset] = definition
    return found


def _number(btf: Btf, member: Member) -> int:
    """`__uint(name, N)`: a pointer to an array of N ints."""
    _, pointer = btf.resolve(member.type)
    if pointer is not None and pointer.kind == kinds.PTR:
        _, array = btf.resolve(pointer.type)
        if array is not None and array.kind == kinds.ARRAY:
            return array.count
    raise ObjectError("should be a pointer to an array whose length is the number")


def _long_number(btf: Btf, member: Member) -> int:
    """The same, or `__ulong(name, N)`: an enum whose only value is N."""
    _, found = btf.resolve(member.type)
    if found is not None and found.kind in (kinds.ENUM, kinds.ENUM64):
        if len(found.values) != 1:
            raise ObjectError("should be an enum with one value")
        return found.values[0][1] & ((1 << 64) - 1)
    return _number(btf, member)


def _pointee(btf: Btf, member: Member) -> int:
    """`__type(name, T)`: a pointer to T."""
    _, pointer = btf.resolve(member.type)
    if pointer is None or pointer.kind != kinds.PTR:
        raise ObjectError("should be a pointer to the type")
    return pointer.type


def _setter(attribute: str) -> Callable[[Btf, MapSpec, Member], None]:
    def read(btf: Btf, found: MapSpec, member: Member) -> None:
        setattr(found, attribute, _number(btf, member))

    return read


def _read_key(btf: Btf, found: MapSpec, member: Member) -> None:
    found.key_type = _pointee(btf, member)
    _set_size(found, "key_size", btf.size_of(found.key_type))


def _read_value(btf: Btf, found: MapSpec, member: Member) -> None:
    found.value_type = _pointee(btf, member)
    _set_size(found, "value_size", btf.size_of(found.value_type))


def _size_setter(attribute: str) -> Callable[[Btf, MapSpec, Member], None]:
    def read(btf: Btf, found: MapSpec, member: Member) -> None:
        _set_size(found, attribute, _number(btf, member))

    return read


def _set_size(found: MapSpec, attribute: str, size: int) -> None:
    """Set a size; it may be said twice, by a number and by a type, and must be the same then."""
    known = getattr(found, attribute)
    if known and known != size:
        raise ObjectError(f"{size} bytes, and {known} elsewhere in the definition")
    setattr(found, attribute, size)


def _read_map_extra(btf: Btf, found: MapSpec, member: Member) -> None:
    found.map_extra = _long_number(btf, member)


def _read_pinning(btf: Btf, found: MapSpec, member: Member) -> None:
    found.pinning = _number(btf, member)
    if found.pinning not in (PIN_NONE, PIN_BY_NAME):
        raise ObjectError(
            f"{found.pinning}; there are LIBBPF_PIN_NONE ({PIN_NONE}) and LIBBPF_PIN_BY_NAME ({PIN_BY_NAME})"
        )


def _read_values(btf: Btf, found: MapSpec, member: Member) -> None:
    """`__array(values, T)`: for a map of maps T is the definition of the maps in it."""
    if found.name.endswith(INNER):
        raise ObjectError("a map in a map of maps holds no maps itself")
    if found.type not in NESTED and found.type != e.BPF_MAP_TYPE_PROG_ARRAY:
        raise ObjectError("only a map of maps and a program array have values, and only behind their type")
    _, array = btf.resolve(member.type)
    _, pointer = btf.resolve(array.type) if array is not None and array.kind == kinds.ARRAY else (0, None)
    _, definition = (
        btf.resolve(pointer.type) if pointer is not None and pointer.kind == kinds.PTR else (0, None)
    )
    wanted = kinds.STRUCT if found.type in NESTED else kinds.FUNC_PROTO
    if array is None or array.count or definition is None or definition.kind != wanted:
        what = "definitions of maps" if found.type in NESTED else "functions"
        raise ObjectError(f"should be an array without a length of pointers to {what}")
    _set_size(found, "value_size", 4)
    if found.type in NESTED:
        found.inner = MapSpec(found.name + INNER, section=".maps", type=0)
        _read_definition(btf, found.inner, definition, file="")


def _read_event(btf: Btf, found: MapSpec, member: Member) -> None:
    found.event_type = _pointee(btf, member)


def _read_tagged_event(btf: Btf, found: MapSpec, member: Member) -> None:
    found.event_type = _pointee(btf, member)
    found.event_is_tagged = True


# The Zig SDK's own members; the finisher turns them into decl tags that every loader ignores.
EVENT_MEMBER = "pyzbpf_event"
TAGGED_MEMBER = "pyzbpf_tagged_event"
# Of a ring buffer whose events end with an array without a length, which Zig leaves out of the type.
REST_MEMBER = "pyzbpf_rest"
EVENT_MEMBERS = {EVENT_MEMBER: EVENT_TAG, TAGGED_MEMBER: TAGGED_TAG}
# Those of its aggregates, and what the tag says.
AGGREGATE_MEMBERS = {
    "pyzbpf_counter": "counter",
    "pyzbpf_hist": "hist",
    "pyzbpf_stacks": "stacks",
    "pyzbpf_perf_counters": "perf_counters",
}

_ATTRIBUTES: dict[str, Callable[[Btf, MapSpec, Member], None]] = {
    "type": _setter("type"),
    "key": _read_key,
    "value": _read_value,
    "key_size": _size_setter("key_size"),
    "value_size": _size_setter("value_size"),
    "max_entries": _setter("max_entries"),
    "map_flags": _setter("flags"),
    "map_extra": _read_map_extra,
    "numa_node": _setter("numa_node"),
    "pinning": _read_pinning,
    "values": _read_values,
    EVENT_MEMBER: _read_event,
    TAGGED_MEMBER: _read_tagged_event,
    REST_MEMBER: lambda *_: None,
}
