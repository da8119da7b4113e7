"""When a type of the probe and a type of the kernel are the same one: three relations of CO-RE.

The rules are those of libbpf's relo_core.c: loose for the member that is accessed, by kind for
"does this type exist", strict for "does this type match".
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.flavour import essential
from pyzbpf.btf.types import ENUM, ENUM64, KIND_NAMES, MODIFIERS, STRUCT, UNION
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyzbpf.adapt.target import Types
    from pyzbpf.btf.types import Type

COMPOSITES = frozenset((STRUCT, UNION))
ENUMS = frozenset((ENUM, ENUM64))

# How deep types may be nested, and how long a chain of typedefs may be.
_DEPTH, _CHAIN = 32, 256

_THROUGH = MODIFIERS | {kinds.VAR, kinds.DECL_TAG}
_SIZED = frozenset((kinds.INT, STRUCT, UNION, ENUM, ENUM64, kinds.DATASEC, kinds.FLOAT))

_WORDS = {
    STRUCT: "struct", UNION: "union", ENUM: "enum", ENUM64: "enum", kinds.TYPEDEF: "typedef",
    kinds.INT: "number", kinds.PTR: "pointer", kinds.ARRAY: "array", kinds.FLOAT: "float",
    kinds.FWD: "declaration", kinds.FUNC_PROTO: "function",
}  # fmt: skip


def word(found: Type | None) -> str:
    """What kind of type it is, in a word of C."""
    return "void" if found is None else _WORDS.get(found.kind, KIND_NAMES[found.kind])


def a(found: Type | None) -> str:
    """The same with its article."""
    text = word(found)
    return text if found is None else f"{'an' if text[0] in 'aeiou' else 'a'} {text}"


def described(found: Type | None) -> str:
    """The type as a message names it: "struct task_struct"."""
    return f"{word(found)} {found.name or '(anonymous)'}" if found is not None else "void"


def resolve(types: Types, found: Type | None) -> Type | None:
    """Follow typedefs and qualifiers; None is void."""
    for _ in range(_CHAIN):
        if found is None or found.kind not in MODIFIERS:
            return found
        found = types.get(found.type)
    raise ObjectError("a type refers to itself")


def size_of(types: Types, found: Type | None) -> int:
    """Bytes of a value of the type; ObjectError for a type without a size."""
    count, start = 1, found
    for _ in range(_CHAIN):
        if found is None:
            break
        if found.kind in _SIZED:
            return count * found.size
        if found.kind == kinds.PTR:
            return count * types.pointer_size
        if found.kind == kinds.ARRAY:
            count *= found.count
        elif found.kind not in _THROUGH:
            break
        found = types.get(found.type)
    raise ObjectError(f"{described(start)} has no size")


def same_kind(local: Type, target: Type) -> bool:
    """The same kind, where both kinds of enumerations are one."""
    return local.kind == target.kind or (local.kind in ENUMS and target.kind in ENUMS)


def fields_agree(local_types: Types, local: Type | None, target_types: Types, target: Type | None) -> bool:
    """Whether an access to a member of one type can become an access to one of the other.

    Sizes and signs of numbers may differ, what a pointer points to is not looked at, and of arrays
    only the elements.
    """
    for _ in range(_CHAIN):
        local, target = resolve(local_types, local), resolve(target_types, target)
        if local is None or target is None:
            return False
        if local.kind in COMPOSITES and target.kind in COMPOSITES:
            return True
        if not same_kind(local, target):
            return False
        if local.kind in (kinds.PTR, kinds.FLOAT):
            return True
        if local.kind == kinds.FWD or local.kind in ENUMS:
            ours, theirs = essential(local.name), essential(target.name)
            return not ours or not theirs or ours == theirs
        if local.kind == kinds.INT:
            return local.bit_offset == 0 == target.bit_offset
        if local.kind != kinds.ARRAY:
            return False
        local, target = local_types.get(local.type), target_types.get(target.type)
    raise ObjectError("a type holds itself")


_ALIKE_BY_KIND = COMPOSITES | ENUMS | {kinds.FWD}


def kinds_agree(
    local_types: Types, local: Type | None, target_types: Types, target: Type | None, level: int = _DEPTH
) -> bool:
    """Whether the type exists, for TYPE_EXISTS, TYPE_SIZE and TYPE_ID_TARGET: kinds, to the end."""
    if local is not None and target is not None and not same_kind(local, target):
        return False
    for _ in range(_DEPTH):
        local, target = resolve(local_types, local), resolve(target_types, target)
        if local is None or target is None:
            return local is target
        if not same_kind(local, target):
            return False
        if local.kind in _ALIKE_BY_KIND:
            return True
        if local.kind == kinds.INT:
            return local.bit_offset == 0 == target.bit_offset
        if local.kind == kinds.FUNC_PROTO:
            if len(local.parameters) != len(target.parameters):
                return False
            for (_, ours), (_, theirs) in zip(local.parameters, target.parameters, strict=True):
                if level <= 0:
                    raise ObjectError("types are nested too deeply")
                mine, other = local_types.get(ours), target_types.get(theirs)
                if not kinds_agree(
                    local_types, resolve(local_types, mine), target_types, resolve(target_types, other), level - 1
                ):  # fmt: skip
                    return False
        elif local.kind not in (kinds.PTR, kinds.ARRAY):
            return False
        local, target = local_types.get(local.type), target_types.get(target.type)
    raise ObjectError("types are nested too deeply")


class Matcher:
    """TYPE_MATCHES: the kernel's type has at least all that the probe's has, name by name.

    Behind a pointer, structs and unions are compared by name and kind only, and a declaration is as
    good as a definition.
    """

    __slots__ = ("_local", "_target")

    def __init__(self, local_types: Types, target_types: Types) -> None:
        self._local = local_types
        self._target = target_types

    def match(
        self, local: Type | None, target: Type | None, *, behind: bool = False, level: int = _DEPTH
    ) -> bool:
        """Whether they match; the names of the outermost two were compared before."""
        if level <= 0:
            raise ObjectError("types are nested too deeply")
        for _ in range(_DEPTH):
            local, target = resolve(self._local, local), resolve(self._target, target)
            if not _names_agree(local.name if local else "", target.name if target else ""):
                return False
            if local is None or target is None:
                return local is target
            decide = _DECIDERS.get(local.kind)
            if decide is not None:
                return decide(self, local, target, behind, level)
            if local.kind != target.kind or local.kind not in (kinds.PTR, kinds.ARRAY, kinds.FUNC_PROTO):
                return False
            behind = behind or local.kind == kinds.PTR
            if local.kind == kinds.ARRAY and local.count != target.count:
                return False
            if local.kind == kinds.FUNC_PROTO and not self._parameters(local, target, behind, level):
                return False
            local, target = self._local.get(local.type), self._target.get(target.type)
        raise ObjectError("types are nested too deeply")

    def _parameters(self, local: Type, target: Type, behind: bool, level: int) -> bool:
        return len(local.parameters) == len(target.parameters) and all(
            self.match(self._local.get(ours), self._target.get(theirs), behind=behind, level=level - 1)
            for (_, ours), (_, theirs) in zip(local.parameters, target.parameters, strict=True)
        )

    def _composite(self, local: Type, target: Type, behind: bool, level: int) -> bool:
        if behind:
            if target.kind == kinds.FWD:
                return (local.kind == UNION) == target.flag
            return local.kind == target.kind
        if local.kind != target.kind or len(local.members) > len(target.members):
            return False
        return all(
            any(
                _names_agree(ours.name, theirs.name)
                and self.match(
                    self._local.get(ours.type), self._target.get(theirs.type), behind=behind, level=level - 1
                )
                for theirs in target.members
            )
            for ours in local.members
        )

    def _declaration(self, local: Type, target: Type, behind: bool, _level: int) -> bool:
        if target.kind == kinds.FWD:
            return local.flag == target.flag
        return behind and target.kind == (UNION if local.flag else STRUCT)

    def _enumeration(self, local: Type, target: Type, _behind: bool, _level: int) -> bool:
        if target.kind not in ENUMS or local.size != target.size or len(local.values) > len(target.values):
            return False
        return all(any(_names_agree(ours, theirs) for theirs, _ in target.values) for ours, _ in local.values)

    def _number(self, local: Type, target: Type, _behind: bool, _level: int) -> bool:
        signs = (local.encoding ^ target.encoding) & kinds.SIGNED
        return target.kind == kinds.INT and local.size == target.size and not signs


_DECIDERS: dict[int, Callable[[Matcher, Type, Type, bool, int], bool]] = {
    STRUCT: Matcher._composite,
    UNION: Matcher._composite,
    kinds.FWD: Matcher._declaration,
    ENUM: Matcher._enumeration,
    ENUM64: Matcher._enumeration,
    kinds.INT: Matcher._number,
}


def _names_agree(local: str, target: str) -> bool:
    return essential(local) == essential(target) if target else not local
