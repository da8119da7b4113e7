"""Which of the kernel's functions take a trampoline (fentry and its kin), as far as their prototypes say."""

from __future__ import annotations

from pyzbpf.btf import types as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.lazy import LazyBtf
    from pyzbpf.btf.types import Type

# What btf_distill_func_proto of the kernel takes: MAX_BPF_FUNC_ARGS arguments, each of at most two registers.
_MOST, _WIDEST = 12, 16
_AGGREGATES = (kinds.STRUCT, kinds.UNION)
_VALUES = (kinds.INT, kinds.ENUM, kinds.ENUM64, kinds.PTR, *_AGGREGATES)


def find(types: LazyBtf, name: str) -> tuple[int, str] | None:
    """A function's type id, and why it takes no trampoline, such as "returns a struct" ("" where it does)."""
    for found in types.find(name, kinds.FUNC):
        if found.name == name:
            return types.id_of(found), _obstacle(types, found)
    return None


def _obstacle(types: LazyBtf, function: Type) -> str:
    prototype = types.get(function.type)
    if prototype is None or prototype.kind != kinds.FUNC_PROTO:
        return "has no prototype"
    result = _plain(types, prototype.type)
    if result is not None and result.kind in _AGGREGATES:
        return "returns a struct"
    if result is not None and result.kind not in _VALUES:
        return "returns no whole number"
    if len(prototype.parameters) > _MOST:
        return f"has more than {_MOST} arguments"
    for name, type_id in prototype.parameters:
        found = _plain(types, type_id)
        if found is None:
            return "takes any number of arguments"
        if found.kind not in _VALUES or (found.kind in _AGGREGATES and found.size > _WIDEST):
            return f"has an argument, '{name}', that does not fit into two registers"
    return ""


def _plain(types: LazyBtf, type_id: int) -> Type | None:
    """A type without its typedefs and qualifiers; None is void."""
    found = types.get(type_id)
    while found is not None and found.kind in kinds.MODIFIERS:
        found = types.get(found.type)
    return found
