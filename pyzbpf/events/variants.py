"""Events of several types or lengths in one buffer: which type a record has, and what follows its fixed part."""

from __future__ import annotations

import struct

from pyzbpf.btf import codec, columns, tagged
from pyzbpf.btf import types as kinds
from pyzbpf.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from pyzbpf.btf.decode import Btf

    Decoder = Callable[[bytes], Any]


def tail_decoder(btf: Btf, type_id: int) -> Decoder | None:
    """The decoder of a struct that ends with an array without a length, which takes what is left of each record.

    None for other types. Of bytes it is bytes, of ``char`` text, of other things a list of as many as there are.
    """
    _, found = btf.resolve(type_id)
    if found is None or found.kind != kinds.STRUCT or not found.members:
        return None
    name, last = list(codec.fields(btf, found).items())[-1]
    _, array = btf.resolve(last.type)
    if array is None or array.kind != kinds.ARRAY or array.count:
        return None
    head, start, size = codec.decoder(btf, type_id), last.bit_offset // 8, found.size
    rest = _rest_decoder(btf, array.type)

    def decode(raw: bytes) -> Any:
        # C lets the array begin in the padding at the end, and a record be shorter than the struct.
        event = head(raw if len(raw) >= size or len(raw) < start else raw.ljust(size, b"\0"))
        setattr(event, name, rest(raw[start:]))
        return event

    return decode


def _rest_decoder(btf: Btf, element_id: int) -> Decoder:
    _, element = btf.resolve(element_id)
    if element is not None and element.kind == kinds.INT and element.size == 1:
        return codec.text if codec.is_char(element) else bytes
    size = btf.size_of(element_id)
    many = codec.records_decoder(btf, element_id, before=0, stride=size)
    return lambda raw: many(raw[: len(raw) - len(raw) % size])


def tagged_types(btf: Btf, type_id: int) -> list[int]:
    """The type ids of a tagged union's variants."""
    return [variant for _, variant in tagged.variants(btf, type_id).values()]


def tagged_decoder(btf: Btf, type_id: int) -> Decoder:
    """The decoder of records of a tagged union: each becomes the struct that its tag stands for.

    Other tags, which the SDK does not send, leave the whole record as it is declared.
    """
    decoders = {
        tag: tail_decoder(btf, variant) or codec.decoder(btf, variant)
        for tag, (_, variant) in tagged.variants(btf, type_id).items()
    }
    unpack = struct.Struct("=I").unpack_from

    def decode(raw: bytes) -> Any:
        one = decoders.get(unpack(raw)[0])
        return one(raw[tagged.START :]) if one is not None else codec.decoder(btf, type_id)(raw)

    return decode


def by_tag(btf: Btf, type_id: int, tag: str, types: Mapping[int, str], what: str) -> Decoder:
    """A decoder that takes each record as the struct that its tag names; as the declared type for other tags.

    ``tag`` is a number of the declared type, at the same place in all of them; ``what`` is the buffer, for errors.
    """
    offset, letter = columns.member(btf, type_id, tag, f"an event of {what}")
    unpack = struct.Struct("=" + letter).unpack_from
    declared = tail_decoder(btf, type_id) or codec.decoder(btf, type_id)
    decoders = {}
    for value, name in types.items():
        found = named(btf, name, what)
        decoders[int(value)] = tail_decoder(btf, found) or codec.decoder(btf, found)

    def decode(raw: bytes) -> Any:
        return decoders.get(unpack(raw, offset)[0], declared)(raw)

    return decode


def named(btf: Btf, name: str, what: str) -> int:
    """The type id of a struct; Error, with ``what`` the buffer is, where the object has none of that name."""
    found = btf.find(name, kinds.STRUCT)
    if not found:
        known = ", ".join(sorted({known.name for _, known in btf.named(kinds.STRUCT) if known.name}))
        raise Error(f"{what}: the object has no struct '{name}'; it has: {known}")
    return found
