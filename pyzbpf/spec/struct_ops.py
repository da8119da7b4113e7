"""Sections `.struct_ops` and `.struct_ops.link` -> a map for each variable: a struct of functions for the kernel.

`.struct_ops.link` is what a link registers (Linux 6.4), `.struct_ops` what storing into the map does. A "?"
in front leaves the map out of load().
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.errors import ObjectError
from pyzbpf.spec.model import MapSpec
from pyzbpf.uapi.enums import BPF_F_LINK, BPF_MAP_TYPE_STRUCT_OPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyzbpf.btf.decode import Btf
    from pyzbpf.elf.image import Image, Section, Symbol

SECTION, LINK_SECTION = ".struct_ops", ".struct_ops.link"


def is_struct_ops(name: str) -> bool:
    """Whether a section of that name holds structs of functions."""
    return name.removeprefix("?") in (SECTION, LINK_SECTION)


def read(image: Image, btf: Btf | None) -> Iterator[MapSpec]:
    """Every struct of functions in the object."""
    for section in image.sections:
        if not is_struct_ops(section.name) or not section.data:
            continue
        if btf is None:
            raise ObjectError(
                "a struct of functions needs the object's .BTF section, which is missing",
                file=image.file,
                section=section.name,
                advice="compile with debug information (clang -g)",
            )
        type_id = btf.find(section.name, kinds.DATASEC)
        types = {
            btf.get(variable).name: btf.get(variable).type
            for variable, _, _ in (btf.get(type_id).variables if type_id else ())
        }
        for symbol in image.symbols_in(section):
            if symbol.name in types:
                yield _map(image, section, symbol, btf, types[symbol.name])


def _map(image: Image, section: Section, symbol: Symbol, btf: Btf, type_id: int) -> MapSpec:
    type_id, found = btf.resolve(type_id)
    size = found.size if found is not None else 0
    start = symbol.value
    if found is None or found.kind != kinds.STRUCT or not found.name or start + size > len(section.data):
        raise ObjectError(
            "should be a struct with a name, and lie in its section",
            file=image.file,
            section=section.name,
            symbol=symbol.name,
            offset=start,
        )
    values = []
    for relocation in section.relocations:
        if start <= relocation.offset < start + size:
            target = relocation.symbol
            if target.section is None or not target.section.is_code:
                raise ObjectError(
                    f"refers to '{target.name}', which is no program of the object",
                    file=image.file,
                    section=section.name,
                    symbol=symbol.name,
                    offset=relocation.offset,
                )
            values.append((relocation.offset - start, target.name))
    return MapSpec(
        symbol.name,
        section=section.name,
        type=BPF_MAP_TYPE_STRUCT_OPS,
        key_size=4,
        value_size=size,
        max_entries=1,
        flags=BPF_F_LINK if section.name.endswith(LINK_SECTION) else 0,
        value_type=type_id,
        contents=bytearray(section.data[start : start + size]),
        values=values,
        autocreate=not section.name.startswith("?"),
    )
