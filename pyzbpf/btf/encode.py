"""Types -> `.BTF` bytes, with one string table that `.BTF.ext` shares."""

from __future__ import annotations

import struct

from pyzbpf.btf import types as kinds
from pyzbpf.btf.decode import MAGIC, ORDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyzbpf.btf.types import Type


class Strings:
    """The string section under construction: each text once, in the order first asked for."""

    def __init__(self) -> None:
        self.data = bytearray(b"\0")
        self._offsets = {"": 0}

    def add(self, text: str) -> int:
        """The offset of ``text``, adding it where it is new."""
        offset = self._offsets.get(text)
        if offset is None:
            offset = self._offsets[text] = len(self.data)
            self.data += text.encode() + b"\0"
        return offset


def encode(types: Sequence[Type | None], strings: Strings, endian: str) -> bytes:
    """The whole section; ``types[0]`` is void and is not written, no other may be None.

    Strings that `.BTF.ext` needs must have been added to ``strings`` before.
    """
    order = ORDER[endian]
    body = bytearray()
    for item in types[1:]:
        assert item is not None, "deleted types must be squeezed out before encoding"
        body += _encode_type(item, strings, order)
    header = struct.pack(order + "HBBIIIII", MAGIC, 1, 0, 24, 0, len(body), len(body), len(strings.data))
    return header + bytes(body) + bytes(strings.data)


def _encode_type(item: Type, strings: Strings, order: str) -> bytes:
    count, flag, extra = _tail(item, strings, order)
    info = flag << 31 | item.kind << 24 | count
    size_or_type = item.type if item.kind in kinds.REFERRING else item.size
    if item.kind == kinds.ARRAY:
        size_or_type = 0
    return struct.pack(order + "III", strings.add(item.name), info, size_or_type) + extra


def _tail(item: Type, strings: Strings, order: str) -> tuple[int, bool, bytes]:
    """(count in the info word, its flag bit, the bytes behind the 12 common ones)."""

    def pack(layout: str, *values: int) -> bytes:
        return struct.pack(order + layout, *values)

    kind = item.kind
    if kind == kinds.INT:
        return 0, False, pack("I", item.encoding << 24 | item.bit_offset << 16 | item.bits)
    if kind == kinds.ARRAY:
        return 0, False, pack("III", item.type, item.index_type, item.count)
    if kind in (kinds.STRUCT, kinds.UNION):
        flag = any(member.bits for member in item.members)
        return (
            len(item.members),
            flag,
            b"".join(
                pack(
                    "III", strings.add(m.name), m.type, m.bits << 24 | m.bit_offset if flag else m.bit_offset
                )
                for m in item.members
            ),
        )
    if kind == kinds.ENUM:
        layout = "Ii" if item.flag else "II"
        return len(item.values), item.flag, b"".join(pack(layout, strings.add(n), v) for n, v in item.values)
    if kind == kinds.ENUM64:
        words = ((strings.add(n), v & 0xFFFFFFFF, v >> 32 & 0xFFFFFFFF) for n, v in item.values)
        return len(item.values), item.flag, b"".join(pack("III", *w) for w in words)
    if kind == kinds.FUNC:
        return item.linkage, False, b""
    if kind == kinds.FUNC_PROTO:
        return (
            len(item.parameters),
            False,
            b"".join(pack("II", strings.add(n), t) for n, t in item.parameters),
        )
    if kind == kinds.VAR:
        return 0, False, pack("I", item.linkage)
    if kind == kinds.DATASEC:
        return len(item.variables), False, b"".join(pack("III", *v) for v in item.variables)
    if kind == kinds.DECL_TAG:
        return 0, False, pack("i", item.component)
    return 0, item.flag, b""
