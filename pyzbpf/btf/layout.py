"""Sizes: what a type comes to once typedefs and qualifiers are followed."""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyzbpf.btf.types import Type

_POINTER_SIZE = 8
_THROUGH = frozenset((kinds.VAR, kinds.DECL_TAG))
_SIZELESS = frozenset((kinds.FWD, kinds.FUNC, kinds.FUNC_PROTO))


def resolve(types: Sequence[Type | None], type_id: int) -> tuple[int, Type | None]:
    """Follow typedefs and qualifiers to (id, type); (0, None) is void."""
    for _ in range(len(types)):
        if not 0 <= type_id < len(types):
            raise ObjectError(f"no BTF type has the id {type_id}", section=".BTF")
        found = types[type_id]
        if found is None or found.kind not in kinds.MODIFIERS:
            return type_id, found
        type_id = found.type
    raise ObjectError(f"BTF type {type_id} refers to itself", section=".BTF")


def size_of(types: Sequence[Type | None], type_id: int) -> int | None:
    """Size in bytes of a value of the type; None for what has none (void, functions, declarations)."""
    count = 1
    for _ in range(len(types)):
        type_id, found = resolve(types, type_id)
        if found is None or found.kind in _SIZELESS:
            return None
        if found.kind == kinds.ARRAY:
            count *= found.count
            type_id = found.type
        elif found.kind in _THROUGH:
            type_id = found.type
        else:
            return count * (_POINTER_SIZE if found.kind == kinds.PTR else found.size)
    raise ObjectError(f"BTF type {type_id} holds itself", section=".BTF")
