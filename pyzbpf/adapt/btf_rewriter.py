"""Type information changed in place: ids of types and offsets of strings stay, what is new comes behind."""

from __future__ import annotations

import struct

from pyzbpf.btf.decode import MAGIC, ORDER, extents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.decode import Btf

PLAIN_HEADER = 24  # without the table of how long each kind is


class BtfRewriter:
    """A copy of the section that is changed; ``order`` is the byte order as `struct` writes it."""

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self.order = ORDER[btf.endian]
        self.data = bytearray(btf.data)
        self._types = bytearray()
        self._strings = bytearray(btf.strings)
        self._count = len(btf.types)

    def put(self, place: int, *words: int) -> None:
        """Write words over those at an offset in the section."""
        struct.pack_into(f"{self.order}{len(words)}I", self.data, place, *words)

    def add_type(self, *words: int) -> int:
        """The id of a new type."""
        self._types += struct.pack(f"{self.order}{len(words)}I", *words)
        self._count += 1
        return self._count - 1

    def add_string(self, text: bytes) -> int:
        """The offset of a new string."""
        self._strings += text + b"\0"
        return len(self._strings) - len(text) - 1

    def bytes(self) -> bytes:
        """The whole section."""
        start, end, _, _ = extents(self.btf.data, self.btf.endian)
        types = self.data[start:end] + self._types
        size = len(types)
        header = struct.pack(
            self.order + "HBBIIIII", MAGIC, 1, 0, PLAIN_HEADER, 0, size, size, len(self._strings)
        )
        return header + bytes(types) + bytes(self._strings)
