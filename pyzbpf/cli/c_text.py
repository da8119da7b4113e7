"""A BTF type as C text, for people: ``struct Event { ... };``."""

from __future__ import annotations

from pyzbpf.btf import types as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.decode import Btf
    from pyzbpf.btf.types import Type

INDENT = "    "


def definition(btf: Btf, type_id: int) -> str:
    """The type written out where it is a struct, a union or an enum; its name where it is not."""
    _, found = btf.resolve(type_id)
    if found is None or found.kind not in (kinds.STRUCT, kinds.UNION, kinds.ENUM, kinds.ENUM64):
        return btf.describe(type_id)
    return _body(btf, found, "") + ";"


def declaration(btf: Btf, type_id: int, name: str, indent: str = "") -> str:
    """``name`` declared to be of the type: ``char comm[16]``, ``u64 *next``."""
    found = btf.types[type_id] if type_id else None
    if found is not None and found.kind == kinds.ARRAY:
        return declaration(btf, found.type, f"{name}[{found.count}]", indent)
    if found is not None and found.kind == kinds.PTR:
        return declaration(btf, found.type, f"*{name}", indent)
    if found is not None and found.kind in (kinds.STRUCT, kinds.UNION) and not found.name:
        return f"{_body(btf, found, indent)} {name}".rstrip()
    return f"{btf.describe(type_id)} {name}".rstrip()


def _body(btf: Btf, found: Type, indent: str) -> str:
    inner = indent + INDENT
    if found.kind in (kinds.ENUM, kinds.ENUM64):
        head = f"enum {found.name}"
        lines = [f"{inner}{name} = {value}," for name, value in found.values]
    else:
        head = f"{'struct' if found.kind == kinds.STRUCT else 'union'} {found.name}"
        lines = [
            f"{inner}{declaration(btf, member.type, member.name, inner)}"
            f"{f' : {member.bits}' if member.bits else ''};"
            for member in found.members
        ]
    return "\n".join([f"{head.rstrip()} {{", *lines, f"{indent}}}"])
