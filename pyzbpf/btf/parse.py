"""The records of a `.BTF` section -> types.

Source of the format: Documentation/bpf/btf.rst of the kernel.
"""

from __future__ import annotations

import struct

from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import ORDER
from pyzbpf.btf.types import Member, Type
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Protocol

    from pyzbpf.btf.decode import Btf

    class Strings(Protocol):
        """Whatever knows the text at an offset of the string section."""

        def string(self, offset: int) -> str: ...


def decode_types(btf: Btf, position: int, end: int) -> list[Type | None]:
    types: list[Type | None] = [None]
    order = ORDER[btf.endian]
    while position < end:
        start = position
        try:
            decoded, position = decode_type(btf, btf.data, position, order)
        except struct.error as error:
            raise ObjectError(f"type {len(types)} is cut off", section=".BTF", offset=start) from error
        except ObjectError as error:
            raise ObjectError(f"type {len(types)}: {error.message}", section=".BTF", offset=start) from error
        decoded.place = start
        types.append(decoded)
    if position != end:
        raise ObjectError("the last type is cut off", section=".BTF", offset=end)
    return types


def check_references(types: Sequence[Type | None]) -> None:
    count = len(types)
    for type_id, found in enumerate(types):
        if found is None:
            continue
        if found.kind in _ALONE and found.type < count:
            continue
        for other in references(found):
            if not 0 <= other < count:
                raise ObjectError(f"type {type_id} refers to type {other} of {count - 1}", section=".BTF")


# Kinds that name no more than one type.
_ALONE = kinds.REFERRING - {kinds.FUNC_PROTO} | {kinds.INT, kinds.FLOAT, kinds.FWD, kinds.ENUM, kinds.ENUM64}


def references(found: Type) -> list[int]:
    """The ids that a type names."""
    return [
        found.type,
        found.index_type,
        *(member.type for member in found.members),
        *(type_id for _, type_id in found.parameters),
        *(type_id for type_id, _, _ in found.variables),
    ]


def decode_type(btf: Strings, data: bytes | memoryview, position: int, order: str) -> tuple[Type, int]:
    """The type whose header is at ``position``, and where the next one begins."""
    name_offset, info, size_or_type = _struct(order, "III").unpack_from(data, position)
    position += 12
    # 7 bits of kind and 24 of count; 5 and 16 in older kernels, which leave the others zero.
    kind, count, flag = info >> 24 & 0x7F, info & 0xFFFFFF, bool(info >> 31)
    result = Type(kind, btf.string(name_offset) if name_offset else "")
    result.flag = flag
    if kind in kinds.REFERRING:
        result.type = size_or_type
    else:
        result.size = size_or_type

    if kind not in _TAILS:
        if kind not in _PLAIN:
            raise ObjectError(f"unknown kind {kind}")
        if kind == kinds.FUNC:
            result.linkage = count
        return result, position
    letters, many = _TAILS[kind]
    if kind == kinds.ENUM and flag:
        letters = "Ii"
    entry = _struct(order, letters)
    end = position + entry.size * (count if many is None else many)
    if end > len(data):
        raise struct.error("cut off")
    _take(result, kind, entry.iter_unpack(data[position:end]), btf)
    return result, end


# What follows the header of a kind: the layout of an entry, and how many there are (None: what the header says).
_TAILS: dict[int, tuple[str, int | None]] = {
    kinds.INT: ("I", 1),
    kinds.ARRAY: ("III", 1),
    kinds.STRUCT: ("III", None),
    kinds.UNION: ("III", None),
    kinds.ENUM: ("II", None),
    kinds.ENUM64: ("III", None),
    kinds.FUNC_PROTO: ("II", None),
    kinds.VAR: ("I", 1),
    kinds.DATASEC: ("III", None),
    kinds.DECL_TAG: ("i", 1),
}
_PLAIN = kinds.REFERRING | {kinds.FLOAT, kinds.FWD}
_structs: dict[str, struct.Struct] = {}


def _struct(order: str, letters: str) -> struct.Struct:
    found = _structs.get(order + letters)
    if found is None:
        found = _structs[order + letters] = struct.Struct(order + letters)
    return found


def _take(result: Type, kind: int, entries: Iterator[tuple[int, ...]], btf: Strings) -> None:
    """Put the entries behind the header into the type."""
    flag = result.flag
    if kind == kinds.INT:
        ((word,),) = entries
        result.encoding, result.bit_offset, result.bits = word >> 24 & 15, word >> 16 & 255, word & 255
    elif kind == kinds.ARRAY:
        ((result.type, result.index_type, result.count),) = entries
        result.size = 0
    elif kind in (kinds.STRUCT, kinds.UNION):
        for name, type_id, offset in entries:
            bits = offset >> 24 if flag else 0
            result.members.append(
                Member(btf.string(name), type_id, offset & 0xFFFFFF if flag else offset, bits)
            )
    elif kind == kinds.ENUM:
        result.values = [(btf.string(n), v) for n, v in entries]
    elif kind == kinds.ENUM64:
        for name, low, high in entries:
            value = high << 32 | low
            result.values.append((btf.string(name), value - (1 << 64) if flag and high >> 31 else value))
    elif kind == kinds.FUNC_PROTO:
        result.parameters = [(btf.string(n), t) for n, t in entries]
    elif kind == kinds.VAR:
        ((result.linkage,),) = entries
    elif kind == kinds.DATASEC:
        result.variables = [(t, o, s) for t, o, s in entries]
    else:
        ((result.component,),) = entries


_PREFIX = {
    kinds.STRUCT: "struct ",
    kinds.UNION: "union ",
    kinds.ENUM: "enum ",
    kinds.ENUM64: "enum ",
    kinds.FWD: "struct ",
    kinds.FUNC_PROTO: "function",
}


def describe(types: Sequence[Type | None], type_id: int) -> str:
    """The type as a C reader would call it: "struct Event", "char[16]", "u32 *"."""
    found = types[type_id] if 0 <= type_id < len(types) else None
    if found is None:
        return "void"
    if found.kind == kinds.PTR:
        return describe(types, found.type) + " *"
    if found.kind == kinds.ARRAY:
        return f"{describe(types, found.type)}[{found.count}]"
    if found.kind in (kinds.VOLATILE, kinds.CONST, kinds.RESTRICT):
        return f"{kinds.KIND_NAMES[found.kind].lower()} {describe(types, found.type)}"
    prefix = _PREFIX.get(found.kind, "")
    return prefix + (found.name or "(anonymous)")
