"""Type information for kernels that do not know all of its kinds. Pure.

A kernel refuses a whole section for one kind that is too new for it. So such types become others of
the same size, in place: ids and offsets of strings stay, and records that refer to them stay right.
The replacements are libbpf's (bpf_object__sanitize_btf), so tools see the same with either loader.
"""

from __future__ import annotations

import struct

from pyzbpf.adapt.btf_rewriter import PLAIN_HEADER, BtfRewriter
from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import ORDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from pyzbpf.btf.decode import Btf
    from pyzbpf.btf.types import Type

LAYOUT = 0
_HEADER, _RECORD = 12, 12
_BYTE = 8  # an INT of eight bits, all of them from bit 0 on


def recent(btf: Btf) -> set[int]:
    """The kinds among the types that not every kernel since 5.4 takes.

    FUNC stands for functions with global linkage, DATASEC for names that begin with '?', and ENUM64
    for enums with signed values, too (the flag came with it: 6089fb325cf7). LAYOUT is no kind but the
    table of how long each kind is, behind the types.
    """
    found = {type.kind for type in btf.types if type is not None and type.kind in _ALWAYS}
    if struct.unpack_from(ORDER[btf.endian] + "I", btf.data, 4)[0] > PLAIN_HEADER:
        found.add(LAYOUT)
    for type in btf.types:
        if type is None:
            continue
        if type.kind == kinds.FUNC and type.linkage == kinds.GLOBAL:
            found.add(kinds.FUNC)
        elif type.kind == kinds.DATASEC and type.name.startswith("?"):
            found.add(kinds.DATASEC)
        elif type.kind == kinds.ENUM and type.flag:
            found.add(kinds.ENUM64)
    return found


_ALWAYS = frozenset((kinds.FLOAT, kinds.DECL_TAG, kinds.TYPE_TAG, kinds.ENUM64))


def without(btf: Btf, lacking: Collection[int]) -> bytes:
    """The section's bytes for a kernel that lacks these of the `recent` kinds; those of the file for none."""
    if not lacking:
        return btf.data
    rewriter = _Rewriter(btf)
    for type in btf.types:
        if type is not None:
            rewriter.replace(type, lacking)
    return rewriter.bytes()


class _Rewriter(BtfRewriter):
    _byte = 0  # the id of the type that stands for a value of 64 bits

    def replace(self, type: Type, lacking: Collection[int]) -> None:
        """Write another type over this one, where the kernel lacks its kind."""
        kind, place = type.kind, type.place
        if kind == kinds.FUNC and kind in lacking and type.linkage == kinds.GLOBAL:
            self.put(place + 4, kinds.FUNC << 24 | kinds.STATIC)
        elif kind == kinds.DATASEC and kind in lacking and type.name.startswith("?"):
            self._rename(place)
        elif kind == kinds.ENUM and type.flag and kinds.ENUM64 in lacking:
            self.put(place + 4, kinds.ENUM << 24 | len(type.values))
        elif kind == kinds.FLOAT and kind in lacking:
            self.put(place, 0, kinds.STRUCT << 24)  # nameless: "float" is no name of a struct
        elif kind == kinds.DECL_TAG and kind in lacking:
            # Its size must be no more than that of what it is beside: nobody refers to it.
            self.put(place + 4, kinds.INT << 24, 1, _BYTE)
        elif kind == kinds.TYPE_TAG and kind in lacking:
            self.put(place, 0, kinds.CONST << 24)
        elif kind == kinds.ENUM64 and kind in lacking:
            self.put(place + 4, kinds.UNION << 24 | len(type.values))
            for index in range(len(type.values)):
                self.put(place + _HEADER + _RECORD * index + 4, self._member(), 0)

    def _rename(self, place: int) -> None:
        """The name with '_' for '?': a new string, for others may share the old one."""
        (offset,) = struct.unpack_from(self.order + "I", self.data, place)
        text = self.btf.strings[offset : self.btf.strings.index(b"\0", offset)]
        self.put(place, self.add_string(text.replace(b"?", b"_")))

    def _member(self) -> int:
        """The id of a type for the values of an enum that became a union."""
        if not self._byte:
            name = self.add_string(b"enum64_placeholder")
            self._byte = self.add_type(name, kinds.INT << 24, 1, _BYTE)
        return self._byte
