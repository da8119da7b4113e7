"""The `.BTF` section, and the questions one asks of it; its types are decoded by `pyzbpf.btf.parse`.

Source of the format: Documentation/bpf/btf.rst of the kernel.
"""

from __future__ import annotations

import struct

from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyzbpf.btf.types import Type

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
            from pyzbpf.btf import parse  # an object is loaded without its types being looked at

            self._types = parse.decode_types(self, self._start, self._end)
        return self._types

    def string(self, offset: int) -> str:
        """The NUL-ended string at ``offset`` of the string section."""
        strings = self.strings
        end = strings.find(b"\0", offset)
        if end < 0 or offset < 0:  # where the offset is outside, nothing is found
            raise ObjectError("string offset outside of the strings", section=".BTF", offset=offset)
        return strings[offset:end].decode(errors="replace")

    def get(self, type_id: int) -> Type:
        """The type with that id; void and ids outside of the table are refused."""
        found = self.types[type_id] if 0 < type_id < len(self.types) else None
        if found is None:
            raise ObjectError(f"no BTF type has the id {type_id}", section=".BTF")
        return found

    def resolve(self, type_id: int) -> tuple[int, Type | None]:
        """Follow typedefs and qualifiers to (id, type); (0, None) is void."""
        from pyzbpf.btf import layout

        return layout.resolve(self.types, type_id)

    def size_of(self, type_id: int) -> int:
        """Size in bytes of a value of this type; void, functions and forward declarations have none."""
        from pyzbpf.btf import layout

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
        from pyzbpf.btf import parse

        return parse.describe(self.types, type_id)


def decode(data: bytes, endian: str, *, file: str | None = None) -> Btf:
    """Decode a ``.BTF`` section.

    ``endian`` is "little" or "big". Raises ObjectError with the byte offset when the section is cut
    off, of the other byte order, or holds a kind that is not known.
    """
    from pyzbpf.btf import parse

    try:
        btf = Btf(bytes(data), endian)
        parse.check_references(btf.types)
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
