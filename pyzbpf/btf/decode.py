"""`.BTF` bytes -> types, and the questions one asks of them.

Source of the format: Documentation/bpf/btf.rst of the kernel.
"""

from __future__ import annotations

import struct

from pyzbpf.btf import layout
from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import Member, Type
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    class Strings(Protocol):
        """Whatever knows the text at an offset of the string section."""

        def string(self, offset: int) -> str: ...


MAGIC = 0xEB9F
ORDER = {"little": "<", "big": ">"}


class Btf:
    """Type information: ``types[id]`` (``types[0]`` is None, void) and the strings.

    The types are decoded when first asked for; `decode` asks at once, to find every fault.
    """

    __slots__ = ("_end", "_start", "_types", "classes", "data", "decoders", "endian", "strings")

    def __init__(self, data: bytes, endian: str) -> None:
        self.data = data
        self.endian = endian
        self._start, self._end, strings_start, strings_end = extents(data, endian)
        self.strings = data[strings_start:strings_end]
        self._types: list[Type | None] | None = None
        # Of codec.py: a function and a class for each type that was asked for.
        self.decoders: dict[object, object] = {}  # by type id, those of many records by what they depend on
        self.classes: dict[int, type] = {}

    @property
    def types(self) -> list[Type | None]:
        """All types by id."""
        if self._types is None:
            self._types = _decode_types(self, self._start, self._end)
        return self._types

    def string(self, offset: int) -> str:
        """The NUL-ended string at ``offset`` of the string section."""
        end = self.strings.find(b"\0", offset)
        if not 0 <= offset < len(self.strings) or end < 0:
            raise ObjectError("string offset outside of the strings", section=".BTF", offset=offset)
        return self.strings[offset:end].decode(errors="replace")

    def get(self, type_id: int) -> Type:
        """The type with that id; void and ids outside of the table are refused."""
        found = self.types[type_id] if 0 < type_id < len(self.types) else None
        if found is None:
            raise ObjectError(f"no BTF type has the id {type_id}", section=".BTF")
        return found

    def resolve(self, type_id: int) -> tuple[int, Type | None]:
        """Follow typedefs and qualifiers to (id, type); (0, None) is void."""
        return layout.resolve(self.types, type_id)

    def size_of(self, type_id: int) -> int:
        """Size in bytes of a value of this type; void, functions and forward declarations have none."""
        size = layout.size_of(self.types, type_id)
        if size is None:
            raise ObjectError(f"BTF type {type_id} ({self.describe(type_id)}) has no size", section=".BTF")
        return size

    def find(self, name: str, kind: int) -> int:
        """The id of the first type of that kind and name, or 0."""
        for type_id, candidate in enumerate(self.types):
            if candidate is not None and candidate.kind == kind and candidate.name == name:
                return type_id
        return 0

    def named(self, kind: int) -> Iterator[tuple[int, Type]]:
        """(id, type) of every type of one kind, in id order."""
        for type_id, candidate in enumerate(self.types):
            if candidate is not None and candidate.kind == kind:
                yield type_id, candidate

    def describe(self, type_id: int) -> str:
        """The type as a C reader would call it: "struct Event", "char[16]", "u32 *"."""
        found = self.types[type_id] if 0 <= type_id < len(self.types) else None
        if found is None:
            return "void"
        if found.kind == kinds.PTR:
            return self.describe(found.type) + " *"
        if found.kind == kinds.ARRAY:
            return f"{self.describe(found.type)}[{found.count}]"
        if found.kind in (kinds.VOLATILE, kinds.CONST, kinds.RESTRICT):
            return f"{kinds.KIND_NAMES[found.kind].lower()} {self.describe(found.type)}"
        prefix = _PREFIX.get(found.kind, "")
        return prefix + (found.name or "(anonymous)")


_PREFIX = {
    kinds.STRUCT: "struct ",
    kinds.UNION: "union ",
    kinds.ENUM: "enum ",
    kinds.ENUM64: "enum ",
    kinds.FWD: "struct ",
    kinds.FUNC_PROTO: "function",
}


def decode(data: bytes, endian: str, *, file: str | None = None) -> Btf:
    """Decode a ``.BTF`` section.

    ``endian`` is "little" or "big". Raises ObjectError with the byte offset when the section is cut
    off, of the other byte order, or holds a kind that is not known.
    """
    try:
        btf = Btf(bytes(data), endian)
        _check_references(btf)
    except ObjectError as error:
        error.file = file
        raise
    return btf


def extents(data: bytes | memoryview, endian: str) -> tuple[int, int, int, int]:
    """Start and end of the types, start and end of the strings."""
    if len(data) < 24:
        raise ObjectError("cut off in its header", section=".BTF", offset=len(data))
    magic, _, _, header_size, type_offset, type_size, string_offset, string_size = struct.unpack_from(
        ORDER[endian] + "HBBIIIII", data
    )
    if magic != MAGIC:
        raise ObjectError(f"magic {magic:#x} is not BTF's", section=".BTF", offset=0)
    type_start, string_start = header_size + type_offset, header_size + string_offset
    end = max(type_start + type_size, string_start + string_size)
    if end > len(data):
        raise ObjectError(f"cut off: {len(data)} bytes of {end}", section=".BTF", offset=len(data))
    return type_start, type_start + type_size, string_start, string_start + string_size


def _decode_types(btf: Btf, position: int, end: int) -> list[Type | None]:
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


def _check_references(btf: Btf) -> None:
    count = len(btf.types)
    for type_id, found in enumerate(btf.types):
        if found is None:
            continue
        for other in references(found):
            if not 0 <= other < count:
                raise ObjectError(f"type {type_id} refers to type {other} of {count - 1}", section=".BTF")


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
    name_offset, info, size_or_type = struct.unpack_from(order + "III", data, position)
    position += 12
    # 7 bits of kind and 24 of count; 5 and 16 in older kernels, which leave the others zero.
    kind, count, flag = info >> 24 & 0x7F, info & 0xFFFFFF, bool(info >> 31)
    result = Type(kind, btf.string(name_offset) if name_offset else "")
    result.flag = flag
    if kind in kinds.REFERRING:
        result.type = size_or_type
    else:
        result.size = size_or_type

    def records(layout: str, many: int = count) -> Iterator[tuple[int, ...]]:
        nonlocal position
        entry = struct.Struct(order + layout)
        start, position = position, position + entry.size * many
        if position > len(data):
            raise struct.error("cut off")
        return entry.iter_unpack(data[start:position])

    if kind == kinds.INT:
        ((word,),) = records("I", 1)
        result.encoding, result.bit_offset, result.bits = word >> 24 & 15, word >> 16 & 255, word & 255
    elif kind == kinds.ARRAY:
        ((result.type, result.index_type, result.count),) = records("III", 1)
        result.size = 0
    elif kind in (kinds.STRUCT, kinds.UNION):
        for name, type_id, offset in records("III"):
            bits = offset >> 24 if flag else 0
            result.members.append(
                Member(btf.string(name), type_id, offset & 0xFFFFFF if flag else offset, bits)
            )
    elif kind == kinds.ENUM:
        result.values = [(btf.string(n), v) for n, v in records("Ii" if flag else "II")]
    elif kind == kinds.ENUM64:
        for name, low, high in records("III"):
            value = high << 32 | low
            result.values.append((btf.string(name), value - (1 << 64) if flag and high >> 31 else value))
    elif kind == kinds.FUNC:
        result.linkage = count
    elif kind == kinds.FUNC_PROTO:
        result.parameters = [(btf.string(n), t) for n, t in records("II")]
    elif kind == kinds.VAR:
        ((result.linkage,),) = records("I", 1)
    elif kind == kinds.DATASEC:
        result.variables = [(t, o, s) for t, o, s in records("III")]
    elif kind == kinds.DECL_TAG:
        ((result.component,),) = records("i", 1)
    elif kind == kinds.FLOAT or kind in kinds.REFERRING or kind == kinds.FWD:
        pass
    else:
        raise ObjectError(f"unknown kind {kind}")
    return result, position
