"""How many words a type takes, and what its header must look like."""

from __future__ import annotations

import struct
import sys

from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import ORDER
from pyzbpf.errors import ObjectError

# Words after the three of the header: (once, for each member, value or parameter).
EXTRA = {
    kinds.INT: (1, 0), kinds.ARRAY: (3, 0), kinds.STRUCT: (0, 3), kinds.UNION: (0, 3),
    kinds.ENUM: (0, 2), kinds.FUNC_PROTO: (0, 2), kinds.VAR: (1, 0), kinds.DATASEC: (0, 3),
    kinds.DECL_TAG: (1, 0), kinds.ENUM64: (0, 3),
}  # fmt: skip
HEADER = 3
RECORDS = frozenset((kinds.STRUCT, kinds.UNION, kinds.ENUM, kinds.ENUM64, kinds.FUNC_PROTO))

# What the kernel's own check demands (btf_*_check_meta): no name, a name, no count.
_NAMELESS = frozenset((kinds.PTR, kinds.ARRAY, kinds.VOLATILE, kinds.CONST, kinds.RESTRICT, kinds.FUNC_PROTO))
_NAMED = frozenset(
    (kinds.FWD, kinds.TYPEDEF, kinds.FUNC, kinds.VAR, kinds.DATASEC, kinds.TYPE_TAG, kinds.DECL_TAG)
)
_COUNTED = RECORDS | {kinds.FUNC, kinds.DATASEC}


def is_header(name: int, kind: int, count: int) -> bool:
    """Whether a kernel could take this for the header of a type, as far as name and count go."""
    if (kind in _NAMELESS and name) or (kind in _NAMED and not name):
        return False
    return not count or kind in _COUNTED or kind > kinds.ENUM64


class Steps(dict[int, int]):
    """Info word, as it lies in memory -> words of the whole type; most types share a few hundred."""

    __slots__ = ("_extra", "_foreign")

    def __init__(self, view: memoryview, endian: str) -> None:
        super().__init__()
        self._foreign = endian != sys.byteorder
        self._extra = {**dict.fromkeys(range(1, kinds.ENUM64 + 1), (0, 0)), **EXTRA, **_layout(view, endian)}

    def knows(self, kind: int) -> bool:
        """Whether types of that kind can be stepped over."""
        return kind in self._extra

    def __missing__(self, word: int) -> int:
        info = swapped(word) if self._foreign else word
        kind, count = info >> 24 & 0x7F, info & 0xFFFFFF
        if kind not in self._extra:
            raise ObjectError(f"unknown kind {kind}", section=".BTF")
        once, each = self._extra[kind]
        self[word] = HEADER + once + each * count
        return self[word]


def _layout(view: memoryview, endian: str) -> dict[int, tuple[int, int]]:
    """What newer kernels say themselves about the sizes of their kinds (struct btf_layout)."""
    (size,) = struct.unpack_from(ORDER[endian] + "I", view, 4)
    if size < 32:
        return {}
    offset, length = struct.unpack_from(ORDER[endian] + "II", view, 24)
    rows = view[size + offset : size + offset + length // 4 * 4]
    return {
        kind: (once // 4, each // 4)
        for kind, (once, each, _) in enumerate(struct.iter_unpack("BBH", rows))
        if kind
    }


def swapped(word: int) -> int:
    """The word in the other byte order."""
    return int.from_bytes(word.to_bytes(4, "little"), "big")
