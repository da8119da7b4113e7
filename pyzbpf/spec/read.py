"""An object file's bytes -> ObjectSpec; the same on every machine, no kernel asked.

Reads what clang, rustc and Zig write, finished or not: maps from `.maps` (BTF) and `maps` (the
legacy records), global variables, programs by their section names, subprograms, references.
"""

from __future__ import annotations

from pyzbpf.btf import decode as btf_decode
from pyzbpf.btf import ext as btf_ext
from pyzbpf.btf import layout
from pyzbpf.btf import types as kinds
from pyzbpf.elf import image as elf
from pyzbpf.elf import reader
from pyzbpf.errors import ObjectError
from pyzbpf.spec import externs, functions, linkage, map_defs, section, struct_ops, traps
from pyzbpf.spec.model import ARENA, MapSpec, ObjectSpec, ProgramSpec, VariableSpec
from pyzbpf.uapi.enums import (
    BPF_F_MMAPABLE,
    BPF_F_RDONLY_PROG,
    BPF_MAP_TYPE_ARENA,
    BPF_MAP_TYPE_ARRAY,
    BPF_MAP_TYPE_RINGBUF,
    BPF_PROG_TYPE_UNSPEC,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.decode import Btf
    from pyzbpf.elf.image import Image, Section


def read(data: bytes, *, file: str, name: str) -> ObjectSpec:
    """Parse a BPF object.

    ``file`` is its name for messages, ``name`` the name of the probe. Raises ObjectError with the
    place for anything that is not a complete BPF object.
    """
    image = reader.read(data, file=file, debug=False)
    return from_image(image, name=name)


def from_image(image: Image, *, name: str) -> ObjectSpec:
    """The same from a file that is already in memory as an Image."""
    btf, ext = _type_information(image)
    spec = ObjectSpec(name, file=image.file, endian=image.endian, license=_license(image), btf=btf)
    for found in map_defs.legacy(image):
        spec.maps[found.name] = found
    for found in map_defs.from_btf(image, btf):
        spec.maps[found.name] = found
    for found in struct_ops.read(image, btf):
        spec.maps[found.name] = found
    for data_section in image.sections:
        if data_section.is_data and data_section.data:
            _data_map(spec, image, data_section, btf)
    _arena(spec, image, btf)
    _externs(spec, image, btf)
    inners = [found.inner for found in spec.maps.values() if found.inner is not None]
    for found in (*spec.maps.values(), *inners):
        # The SDK names its counters by decl tags; a C probe may count under this name.
        named = found.lost_variables or (f"{found.name}_lost",)
        counts = named if found.type == BPF_MAP_TYPE_RINGBUF else ()
        found.lost_variables = tuple(one for one in counts if _is_counter(spec.variables.get(one), btf))
        meaning, _, traces = found.aggregate.partition(":")
        if meaning == "stacks" and traces not in spec.maps:
            raise ObjectError(
                f"counts the stacks of map '{traces}', which the object does not define",
                file=image.file,
                section=found.section,
                symbol=found.name,
                advice=f'export var {traces}: bpf.StackTrace(1024) linksection(".maps") = .{{}};',
            )
    for function in functions.read(image, spec.maps, ext, btf):
        spec.functions[function.name] = function
    for code in image.sections:
        for entry in functions.entries(image, code):
            spec.programs[entry] = program(entry, code.name)
    spec.traps = traps.read(btf, file=image.file)
    return spec


def program(name: str, section_name: str) -> ProgramSpec:
    """What a section name says about the program in it; one that says nothing known leaves kind and type empty.

    Such a program can be read, and loaded when a type was set; `section.check` refuses it.
    """
    match = section.match(section_name)
    if match is None:
        autoload = not section_name.startswith("?")
        return ProgramSpec(
            name,
            section=section_name,
            kind="",
            type=BPF_PROG_TYPE_UNSPEC,
            attach_type=None,
            autoload=autoload,
        )
    return ProgramSpec(
        name,
        section=section_name,
        kind=match.kind,
        type=match.type,
        attach_type=match.attach_type,
        target=match.target,
        flags=match.load_flags,
        autoload=not match.optional,
    )


def _type_information(image: Image) -> tuple[Btf | None, btf_ext.Ext]:
    raw = image.section(".BTF")
    if raw is None:
        return None, btf_ext.Ext()
    btf = btf_decode.decode(bytes(raw.data), image.endian, file=image.file)
    linkage.complete(btf, image)
    more = image.section(".BTF.ext")
    ext = btf_ext.decode(bytes(more.data), btf, file=image.file) if more is not None else btf_ext.Ext()
    return btf, ext


def _license(image: Image) -> str:
    found = image.section("license")
    return bytes(found.data).partition(b"\0")[0].decode(errors="replace") if found is not None else ""


def _externs(spec: ObjectSpec, image: Image, btf: Btf | None) -> None:
    undefined = {s.name: s.binding == elf.STB_WEAK for s in image.symbols if s.is_undefined}
    for found in externs.read(btf, undefined, file=image.file):
        spec.externs[found.name] = found
    values = externs.values_map(btf, spec.externs.values()) if btf is not None else None
    if values is not None:
        spec.maps[values.name] = values


def _data_map(spec: ObjectSpec, image: Image, data_section: Section, btf: Btf | None) -> None:
    """A data section as a one-element array, and its variables."""
    constant = data_section.name.startswith(".rodata")
    type_id = btf.find(data_section.name, kinds.DATASEC) if btf is not None else 0
    found = MapSpec(
        data_section.name,
        section=data_section.name,
        type=BPF_MAP_TYPE_ARRAY,
        key_size=4,
        value_size=len(data_section.data),
        max_entries=1,
        flags=(BPF_F_MMAPABLE if _has_visible(btf, type_id) else 0) | (BPF_F_RDONLY_PROG if constant else 0),
        value_type=type_id,
        contents=bytearray(data_section.data),
        frozen=constant,
    )
    spec.maps[found.name] = found
    if found.name == traps.SECTION:
        return  # not the author's variables: `spec.traps` says what is there
    _variables(spec, image, data_section, btf, found)


def _arena(spec: ObjectSpec, image: Image, btf: Btf | None) -> None:
    """The variables in the address space of the arena; they lie at its start."""
    home = next((found for found in spec.maps.values() if found.type == BPF_MAP_TYPE_ARENA), None)
    data = image.section(ARENA)
    if data is None or not data.data:
        return
    if home is None:
        raise ObjectError(
            "variables of an arena, and the object defines no map of type BPF_MAP_TYPE_ARENA",
            file=image.file,
            section=ARENA,
        )
    home.contents = bytearray(data.data)
    _variables(spec, image, data, btf, home)


# What the SDK keeps for itself among an object's constants (zig/bpf/map/counter.zig).
_OF_THE_SDK = "pyzbpf_zeros_"


def _variables(
    spec: ObjectSpec, image: Image, data_section: Section, btf: Btf | None, found: MapSpec
) -> None:
    type_id = btf.find(data_section.name, kinds.DATASEC) if btf is not None else 0
    typed = _types_by_offset(btf, type_id)
    taken: set[int] = set()
    for symbol in image.symbols_in(data_section):
        if symbol.value + symbol.size > len(data_section.data):
            raise ObjectError(
                "lies outside of its section",
                file=image.file,
                section=data_section.name,
                symbol=symbol.name,
                offset=symbol.value,
            )
        if symbol.type != elf.STT_OBJECT or symbol.value in taken:
            continue  # Zig leaves a local alias behind each exported name
        if symbol.binding == elf.STB_LOCAL and symbol.value not in typed:
            continue  # an anonymous constant
        if symbol.name.startswith(_OF_THE_SDK):
            continue
        taken.add(symbol.value)
        spec.variables[symbol.name] = VariableSpec(
            symbol.name,
            map=found,
            offset=symbol.value,
            size=symbol.size,
            type_id=typed.get(symbol.value, 0),
            btf=btf,
        )


def _has_visible(btf: Btf | None, section_type: int) -> bool:
    """Whether a section holds more than static variables: user space maps only such ones, as with libbpf."""
    if btf is None or not section_type:
        return False
    return any(btf.get(entry).linkage != kinds.STATIC for entry, _, _ in btf.get(section_type).variables)


def _is_counter(variable: VariableSpec | None, btf: Btf | None) -> bool:
    """Whether a variable is a 64-bit number (or of unknown type and that size)."""
    if variable is None or variable.size != 8:
        return False
    found = btf.resolve(variable.type_id)[1] if btf is not None else None
    return found is None or found.kind == kinds.INT


def _types_by_offset(btf: Btf | None, section_type: int) -> dict[int, int]:
    """Offset in a data section -> BTF type of the variable there, where it has the variable's size."""
    if btf is None or not section_type:
        return {}
    found = {}
    for variable, offset, size in btf.get(section_type).variables:
        type_id = btf.get(variable).type
        if layout.size_of(btf.types, type_id) == size:  # not so for a piece of a variable that LLVM split
            found[offset] = type_id
    return found
