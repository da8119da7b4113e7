"""Writes BTF by hand; simple on purpose, and independent of the encoder of pyzbpf."""

from __future__ import annotations

import struct
import sys


class BtfBytes:
    """Types in the order of the calls; each call gives the id of its type."""

    def __init__(self, endian: str = sys.byteorder) -> None:
        self.order = "<" if endian == "little" else ">"
        self.strings = bytearray(b"\0")
        self.types = bytearray()
        self.count = 0

    def string(self, text: str) -> int:
        raw = text.encode() + b"\0"
        found = self.strings.find(b"\0" + raw)
        if found >= 0:
            return found + 1
        self.strings += raw
        return len(self.strings) - len(raw)

    def _type(self, name: str, kind: int, size_or_type: int, extra: list[int], *, vlen: int = 0) -> int:
        words = [self.string(name) if name else 0, kind << 24 | vlen, size_or_type, *extra]
        self.types += struct.pack(f"{self.order}{len(words)}I", *words)
        self.count += 1
        return self.count

    def integer(self, name: str, size: int, *, signed: bool = False) -> int:
        return self._type(name, 1, size, [(1 if signed else 0) << 24 | size * 8])

    def pointer(self, to: int = 0) -> int:
        return self._type("", 2, to, [])

    def array(self, element: int, count: int, index: int) -> int:
        return self._type("", 3, 0, [element, index, count])

    def struct(self, name: str, size: int, members: list[tuple[str, int, int]]) -> int:
        """Members are (name, type, offset in bytes)."""
        extra = [word for m, t, offset in members for word in (self.string(m), t, offset * 8)]
        return self._type(name, 4, size, extra, vlen=len(members))

    def enum(self, name: str, size: int, values: list[tuple[str, int]]) -> int:
        extra = [word for value, number in values for word in (self.string(value), number)]
        return self._type(name, 6, size, extra, vlen=len(values))

    def function(self, name: str, result: int, parameters: list[tuple[str, int]], *, linkage: int = 1) -> int:
        extra = [word for p, t in parameters for word in (self.string(p), t)]
        proto = self._type("", 13, result, extra, vlen=len(parameters))
        return self._type(name, 12, proto, [], vlen=linkage)

    def variable(self, name: str, type_id: int) -> int:
        return self._type(name, 14, type_id, [1])

    def section(self, name: str, size: int, variables: list[tuple[int, int, int]]) -> int:
        extra = [word for v in variables for word in v]
        return self._type(name, 15, size, extra, vlen=len(variables))

    def data(self) -> bytes:
        header = struct.pack(
            self.order + "HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(self.types), len(self.types), len(self.strings)
        )
        return header + bytes(self.types) + bytes(self.strings)
