"""Types as text, one line for each and for each part: golden files, and `pyzbpf inspect --raw`."""

from __future__ import annotations

from pyzbpf.btf import types as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyzbpf.btf.types import Type

_LINKAGE = ("static", "global", "extern")


def dump(types: Sequence[Type | None]) -> Iterator[str]:
    """The lines of all types, in id order; deleted ones are left out."""
    for type_id, found in enumerate(types):
        if found is not None:
            yield f"[{type_id}] {_head(found)}"
            yield from (f"    {part}" for part in _parts(found))


def _head(found: Type) -> str:
    words = [kinds.KIND_NAMES[found.kind], f"'{found.name}'" if found.name else "(anonymous)"]
    if found.kind in kinds.REFERRING:
        words.append(f"type={found.type}")
    if found.kind in (kinds.FUNC, kinds.VAR):
        words.append(_LINKAGE[found.linkage] if found.linkage < len(_LINKAGE) else str(found.linkage))
    if found.kind == kinds.ARRAY:
        words.append(f"type={found.type} index={found.index_type} count={found.count}")
    if found.kind == kinds.INT:
        words.append(f"bits={found.bits} encoding={_encoding(found.encoding)}")
    if found.kind == kinds.DECL_TAG:
        words.append(f"component={found.component}")
    if found.kind not in kinds.REFERRING and found.kind not in (kinds.ARRAY, kinds.FWD):
        words.append(f"size={found.size}")
    if found.kind in (kinds.FWD, kinds.ENUM, kinds.ENUM64) and found.flag:
        words.append("union" if found.kind == kinds.FWD else "signed")
    return " ".join(words)


def _encoding(bits: int) -> str:
    names = [
        name
        for bit, name in ((kinds.SIGNED, "signed"), (kinds.CHAR, "char"), (kinds.BOOL, "bool"))
        if bits & bit
    ]
    return "+".join(names) or "none"


def _parts(found: Type) -> Iterable[str]:
    for member in found.members:
        width = f" bits={member.bits}" if member.bits else ""
        yield f"{member.name or '(anonymous)'} type={member.type} offset={member.bit_offset}{width}"
    for name, value in found.values:
        yield f"{name} = {value}"
    for name, type_id in found.parameters:
        yield f"{name or '(anonymous)'} type={type_id}"
    for variable, offset, size in found.variables:
        yield f"type={variable} offset={offset} size={size}"
