"""ObjectSpec <-> plain literals, so that a wheel's probe opens without parsing ELF.

The index says where things lie in the object file; the bytes stay there. Size and CRC-32 tie the
two together.
"""

from __future__ import annotations

import zlib

from pyzbpf.btf.decode import Btf
from pyzbpf.errors import ObjectError
from pyzbpf.spec.model import FunctionSpec, MapSpec, ObjectSpec, ProgramSpec, Reference, VariableSpec
from pyzbpf.uapi.enums import BPF_MAP_TYPE_ARRAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyzbpf.elf.image import Image

# Raised when the meaning of an entry changes; an entry of another format is passed over.
FORMAT = 7

_MAP_FIELDS = (
    "name", "section", "type", "key_size", "value_size", "max_entries", "flags", "map_extra",
    "pinning", "key_type", "value_type", "event_type", "event_is_tagged",
    "lost_variables", "aggregate", "frozen", "numa_node", "autocreate",
)  # fmt: skip
_PROGRAM_FIELDS = (
    "name", "section", "kind", "type", "attach_type", "target", "flags", "autoload",
)  # fmt: skip
_EXTERN_FIELDS = ("name", "kind", "weak", "type_id", "size", "offset")
_TRAP_FIELDS = ("kind", "file", "line", "column", "text", "function", "operands", "offset")


def to_index(data: bytes, *, file: str, name: str) -> dict[str, Any]:
    """The entry of one object: nested dicts, tuples, str and int only, in a fixed order."""
    from pyzbpf.elf import reader
    from pyzbpf.spec.read import from_image

    image = reader.read(data, file=file)
    spec = from_image(image, name=name)
    return {
        "format": FORMAT,
        "size": len(data),
        "crc32": zlib.crc32(data),
        "endian": spec.endian,
        "license": spec.license,
        "btf": _btf(image, spec.btf),
        "maps": [
            (*_map(found), _contents(image, found), found.inner and _map(found.inner))
            for found in spec.maps.values()
        ],
        "programs": [
            tuple(getattr(found, field) for field in _PROGRAM_FIELDS) for found in spec.programs.values()
        ],
        "functions": [_function(image, found) for found in spec.functions.values()],
        "variables": [
            (found.name, found.map.name, found.offset, found.size, found.type_id)
            for found in spec.variables.values()
        ],
        "externs": [
            tuple(getattr(found, field) for field in _EXTERN_FIELDS) for found in spec.externs.values()
        ],
        "traps": [tuple(getattr(found, field) for field in _TRAP_FIELDS) for found in spec.traps],
    }


def _btf(image: Image, btf: Btf | None) -> tuple[int, int] | bytes | None:
    """Where the type information is, or itself, if it was completed after reading."""
    section = image.section(".BTF")
    if btf is None or section is None:
        return None
    return _place(image, ".BTF") if btf.data == section.data else btf.data


def _map(found: MapSpec) -> tuple[tuple[Any, ...], tuple[tuple[int, str], ...]]:
    return tuple(getattr(found, field) for field in _MAP_FIELDS), tuple(found.values)


def _place(image: Image, section_name: str) -> tuple[int, int] | None:
    """(offset, size) in the file; None: no such section."""
    section = image.section(section_name)
    return (section.offset, len(section.data)) if section is not None else None


def _contents(image: Image, found: MapSpec) -> tuple[int, int] | int | bytes | None:
    """(offset, size) of a data map's bytes, its size alone where they are zeros, or None.

    A struct_ops map is a part of its section only, and an arena's bytes are not in the section that defines
    it: they stand in the index.
    """
    if found.contents is None:
        return None
    if found.type != BPF_MAP_TYPE_ARRAY:
        return bytes(found.contents)
    return _place(image, found.section) if any(found.contents) else len(found.contents)


def _function(image: Image, found: FunctionSpec) -> tuple[Any, ...]:
    section = image.section(found.section)
    assert section is not None
    return (
        found.name,
        found.section,
        (section.offset + found.offset, len(found.instructions)),
        found.offset,
        found.type_id,
        [(r.offset, r.kind, r.name, r.addend) for r in found.references],
        list(found.lines),
        list(found.core),
        found.exception_callback,
        dict(found.tables),
    )


def from_index(entry: dict[str, Any], data: bytes, *, file: str, name: str) -> ObjectSpec | None:
    """The spec of ``data`` from its entry; None where the entry is of another format.

    Raises ObjectError where object and index do not belong together.
    """
    if entry.get("format") != FORMAT:
        return None
    if len(data) != entry["size"] or zlib.crc32(data) != entry["crc32"]:
        raise ObjectError(
            "object and index do not belong together (size or checksum differ)",
            file=file,
            advice="reinstall or rebuild the package that holds them",
        )

    def part(place: tuple[int, int]) -> bytes:
        return data[place[0] : place[0] + place[1]]

    types = entry["btf"]
    if isinstance(types, tuple):
        types = part(types)
    btf = Btf(types, entry["endian"]) if types is not None else None
    spec = ObjectSpec(name, file=file, endian=entry["endian"], license=entry["license"], btf=btf)
    for fields, values, contents, inner in entry["maps"]:
        found = MapSpec(**dict(zip(_MAP_FIELDS, fields, strict=True)), values=values)
        if inner is not None:
            found.inner = MapSpec(**dict(zip(_MAP_FIELDS, inner[0], strict=True)))
        if contents is not None:
            found.contents = bytearray(part(contents) if isinstance(contents, tuple) else contents)
        spec.maps[found.name] = found
    programs = [
        ProgramSpec(**dict(zip(_PROGRAM_FIELDS, fields, strict=True))) for fields in entry["programs"]
    ]
    spec.programs.update({program.name: program for program in programs})
    for function_name, section, place, offset, type_id, references, lines, core, callback, tables in entry[
        "functions"
    ]:
        spec.functions[function_name] = FunctionSpec(
            function_name,
            section=section,
            instructions=part(place),
            references=[Reference(*reference) for reference in references],
            type_id=type_id,
            lines=lines,
            core=core,
            offset=offset,
            exception_callback=callback,
            tables=tables,
        )
    for variable_name, map_name, offset, size, type_id in entry["variables"]:
        spec.variables[variable_name] = VariableSpec(
            variable_name, map=spec.maps[map_name], offset=offset, size=size, type_id=type_id, btf=btf
        )
    if entry["externs"]:
        from pyzbpf.spec.externs import ExternSpec

        for fields in entry["externs"]:
            extern = ExternSpec(**dict(zip(_EXTERN_FIELDS, fields, strict=True)))
            spec.externs[extern.name] = extern
    if entry["traps"]:
        from pyzbpf.spec.traps import TrapSpec

        spec.traps = [TrapSpec(**dict(zip(_TRAP_FIELDS, fields, strict=True))) for fields in entry["traps"]]
    return spec
