"""A small BTF writer for fixtures, on purpose not the product's: two witnesses of one format.

btf = Writer("little")
u32 = btf.int("u32", 4)
event = btf.struct("Event", 4, [("pid", u32, 0)])
data = btf.bytes()
"""

from __future__ import annotations

import struct


class Writer:
    """Collects types; every method returns the new type's id."""

    def __init__(self, endian: str = "little") -> None:
        self.order = "<" if endian == "little" else ">"
        self.strings = bytearray(b"\0")
        self.types = bytearray()
        self.count = 0

    def text(self, value: str) -> int:
        """The offset of a string, added at the end."""
        if not value:
            return 0
        self.strings += value.encode() + b"\0"
        return len(self.strings) - len(value.encode()) - 1

    def _add(
        self,
        name: str,
        kind: int,
        size_or_type: int,
        *,
        count: int = 0,
        flag: bool = False,
        tail: bytes = b"",
    ) -> int:
        self.types += struct.pack(
            self.order + "III", self.text(name), flag << 31 | kind << 24 | count, size_or_type
        )
        self.types += tail
        self.count += 1
        return self.count

    def _words(self, *values: int) -> bytes:
        return b"".join(struct.pack(self.order + ("i" if v < 0 else "I"), v) for v in values)

    def int(self, name: str, size: int, encoding: int = 0, bits: int | None = None) -> int:
        word = encoding << 24 | (size * 8 if bits is None else bits)
        return self._add(name, 1, size, tail=self._words(word))

    def ptr(self, target: int, name: str = "") -> int:
        return self._add(name, 2, target)

    def array(self, element: int, index: int, count: int) -> int:
        return self._add("", 3, 0, tail=self._words(element, index, count))

    def struct(
        self, name: str, size: int, members: list[tuple[str, int, int]], *, union: bool = False
    ) -> int:
        """``members`` are (name, type, offset in bits)."""
        tail = b"".join(self._words(self.text(n), t, o) for n, t, o in members)
        return self._add(name, 5 if union else 4, size, count=len(members), tail=tail)

    def bit_struct(self, name: str, size: int, members: list[tuple[str, int, int, int]]) -> int:
        """``members`` are (name, type, offset in bits, width in bits)."""
        tail = b"".join(self._words(self.text(n), t, w << 24 | o) for n, t, o, w in members)
        return self._add(name, 4, size, count=len(members), flag=True, tail=tail)

    def enum(self, name: str, values: list[tuple[str, int]], *, signed: bool = False, size: int = 4) -> int:
        tail = b"".join(self._words(self.text(n), v) for n, v in values)
        return self._add(name, 6, size, count=len(values), flag=signed, tail=tail)

    def enum64(self, name: str, values: list[tuple[str, int]], *, signed: bool = False) -> int:
        tail = b"".join(self._words(self.text(n), v & 0xFFFFFFFF, v >> 32 & 0xFFFFFFFF) for n, v in values)
        return self._add(name, 19, 8, count=len(values), flag=signed, tail=tail)

    def fwd(self, name: str, *, union: bool = False) -> int:
        return self._add(name, 7, 0, flag=union)

    def typedef(self, name: str, target: int) -> int:
        return self._add(name, 8, target)

    def const(self, target: int) -> int:
        return self._add("", 10, target)

    def func(self, name: str, prototype: int, linkage: int = 0) -> int:
        return self._add(name, 12, prototype, count=linkage)

    def prototype(self, result: int, parameters: list[tuple[str, int]]) -> int:
        tail = b"".join(self._words(self.text(n), t) for n, t in parameters)
        return self._add("", 13, result, count=len(parameters), tail=tail)

    def var(self, name: str, target: int, linkage: int = 0) -> int:
        return self._add(name, 14, target, tail=self._words(linkage))

    def datasec(self, name: str, variables: list[tuple[int, int, int]], size: int = 0) -> int:
        tail = b"".join(self._words(*variable) for variable in variables)
        return self._add(name, 15, size, count=len(variables), tail=tail)

    def float(self, name: str, size: int) -> int:
        return self._add(name, 16, size)

    def decl_tag(self, text: str, target: int, component: int = -1) -> int:
        return self._add(text, 17, target, tail=self._words(component))

    def bytes(self) -> bytes:
        """The whole `.BTF` section."""
        size = len(self.types)
        header = struct.pack(self.order + "HBBIIIII", 0xEB9F, 1, 0, 24, 0, size, size, len(self.strings))
        return header + bytes(self.types) + bytes(self.strings)

    def ext(
        self,
        functions: dict[str, list[tuple[int, int]]],
        lines: dict[str, list[tuple[int, str, str, int]]] | None = None,
        core: dict[str, list[tuple[int, int, str, int]]] | None = None,
    ) -> bytes:
        """The `.BTF.ext` section; call it before `bytes`, which it adds strings for."""

        def table(records: dict[str, list[tuple[int, ...]]], size: int) -> bytes:
            if not records:
                return b""
            out = self._words(size)
            for section, rows in records.items():
                out += self._words(self.text(section), len(rows))
                out += b"".join(self._words(*row) for row in rows)
            return out

        numbered = {
            section: [(o, self.text(f), self.text(t), p) for o, f, t, p in rows]
            for section, rows in (lines or {}).items()
        }
        relocations = {
            section: [(o, t, self.text(path), kind) for o, t, path, kind in rows]
            for section, rows in (core or {}).items()
        }
        function_table, line_table = table(dict(functions), 8), table(numbered, 16)
        core_table, end = table(relocations, 16), len(function_table) + len(line_table)
        sizes = (0, len(function_table), len(function_table), len(line_table), end, len(core_table))
        header = struct.pack(self.order + "HBBI6I", 0xEB9F, 1, 0, 32, *sizes)
        return header + function_table + line_table + core_table
