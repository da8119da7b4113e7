"""Bytes that are searched, wherever they lie."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Memory(Protocol):
        """Bytes that can be searched; all places are from their beginning, -1 is nowhere."""

        @property
        def view(self) -> memoryview: ...
        def find(self, text: bytes, start: int, end: int) -> int: ...
        def find_word(self, word: int, start: int, end: int) -> int:
            """The first of the 32-bit words from ``start`` on that equals ``word``, in native order."""


class Bytes:
    """Memory that is a bytes object."""

    __slots__ = ("_data", "view")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.view = memoryview(data)

    def find(self, text: bytes, start: int, end: int) -> int:
        return self._data.find(text, start, end)

    def find_word(self, word: int, start: int, end: int) -> int:
        raw = word.to_bytes(4, sys.byteorder)
        at = self._data.find(raw, start, end)
        while at >= 0 and (at - start) % 4:
            at = self._data.find(raw, at + 1, end)
        return at
