"""The number that a relocation asks for, at the end of a path: the same sums for probe and kernel."""

from __future__ import annotations

from pyzbpf.adapt._core_types import COMPOSITES, ENUMS, described, resolve, size_of
from pyzbpf.btf import types as kinds
from pyzbpf.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyzbpf.adapt._core_match import Path
    from pyzbpf.btf.types import Type

# enum bpf_core_relo_kind of include/uapi/linux/bpf.h.
(FIELD_BYTE_OFFSET, FIELD_BYTE_SIZE, FIELD_EXISTS, FIELD_SIGNED, FIELD_LSHIFT_U64, FIELD_RSHIFT_U64,
 TYPE_ID_LOCAL, TYPE_ID_TARGET, TYPE_EXISTS, TYPE_SIZE, ENUMVAL_EXISTS, ENUMVAL_VALUE,
 TYPE_MATCHES) = range(13)  # fmt: skip

FIELD_KINDS = frozenset(range(FIELD_BYTE_OFFSET, FIELD_RSHIFT_U64 + 1))
ENUM_KINDS = frozenset((ENUMVAL_EXISTS, ENUMVAL_VALUE))

# As libbpf's messages call them.
NAMES = (
    "byte_off", "byte_sz", "field_exists", "signed", "lshift_u64", "rshift_u64", "local_type_id",
    "target_type_id", "type_exists", "type_size", "enumval_exists", "enumval_value", "type_matches",
)  # fmt: skip

# Kinds whose answer for something that is not there is 0; the others have none.
ANSWER_NO = frozenset((FIELD_EXISTS, TYPE_EXISTS, TYPE_MATCHES, TYPE_SIZE, TYPE_ID_TARGET, ENUMVAL_EXISTS))

_MASK = (1 << 64) - 1


class Value:
    """What stands, or shall stand, in the instruction: a number without sign of 64 bits.

    ``certain`` is False where the compiler may have written another number: how a bit field is read
    is up to it. ``width`` and ``type`` are of the member's memory, for loads and stores (0 and None:
    not a member that is read as it is).
    """

    __slots__ = ("certain", "number", "type", "width")

    def __init__(
        self, number: int, *, certain: bool = True, width: int = 0, type: Type | None = None
    ) -> None:
        self.number = number & _MASK
        self.certain = certain
        self.width = width
        self.type = type


def value(kind: int, path: Path, endian: str) -> Value:
    """The number at the end of a path that exists."""
    if kind in (FIELD_EXISTS, TYPE_EXISTS, TYPE_MATCHES, ENUMVAL_EXISTS):
        return Value(1)
    if kind == TYPE_SIZE:
        return Value(size_of(path.types, path.root))
    if kind in (TYPE_ID_LOCAL, TYPE_ID_TARGET):
        return Value(path.types.id_of(path.root), certain=False)
    if kind == ENUMVAL_VALUE:
        return _enumerator(path)
    return _element(kind, path) if path.steps[-1].name is None else _member(kind, path, endian)


def _enumerator(path: Path) -> Value:
    step = path.steps[0]
    assert step.owner is not None
    number = step.owner.values[step.index][1]
    # The 32 bits of an ENUM are signed to libbpf whatever the type says: older pahole did not say.
    return Value(number - (1 << 32) if step.owner.kind == kinds.ENUM and number >> 31 == 1 else number)


def _element(kind: int, path: Path) -> Value:
    element = path.steps[-1].owner
    if kind == FIELD_BYTE_OFFSET:
        return Value(path.bit_offset // 8, width=_scalar_size(path, element), type=element)
    if kind == FIELD_BYTE_SIZE:
        return Value(size_of(path.types, element))
    raise ObjectError(f"<{NAMES[kind]}> does not apply to an element of an array")


def _scalar_size(path: Path, found: Type | None) -> int:
    """Bytes of what a load reads: of an array, one element."""
    found = resolve(path.types, found)
    while found is not None and found.kind == kinds.ARRAY:
        found = resolve(path.types, path.types.get(found.type))
    return size_of(path.types, found)


class _Place:
    """Where a member lies: the bytes to load, and the bits in them."""

    __slots__ = ("bit_offset", "bits", "byte_offset", "is_bit_field", "size", "type")

    def __init__(self, path: Path) -> None:
        member = path.steps[-1].member
        self.type = resolve(path.types, path.types.get(member.type))
        self.is_bit_field = member.bits > 0
        self.bit_offset = path.bit_offset
        if self.is_bit_field:
            self.bits = member.bits
            self.byte_offset, self.size = self._load(path)
        else:
            self.size = size_of(path.types, self.type)
            self.byte_offset = path.bit_offset // 8
            self.bits = self.size * 8

    def _load(self, path: Path) -> tuple[int, int]:
        """(offset, size) of the smallest aligned load, from the type's own size on, with all bits."""
        size = self.type.size if self.type is not None else 0
        while 0 < size <= 8:
            offset = self.bit_offset // 8 // size * size
            if self.bit_offset + self.bits <= (offset + size) * 8:
                return offset, size
            size *= 2
        raise ObjectError(f"the bit field {path.text()} of {described(self.type)} fits into no load")


def _member(kind: int, path: Path, endian: str) -> Value:
    place = _Place(path)
    if kind == FIELD_BYTE_OFFSET and not place.is_bit_field:
        return Value(place.byte_offset, width=_scalar_size(path, place.type), type=place.type)
    result = Value(_MEMBER[kind](place, endian))
    # The sign is no matter of choice, and 64 - bits holds for every way to load them.
    result.certain = not place.is_bit_field or kind in (FIELD_SIGNED, FIELD_RSHIFT_U64)
    return result


def _signed(place: _Place, _endian: str) -> int:
    if place.type is None:
        return 0
    if place.type.kind in ENUMS:
        return int(place.type.flag)
    return int(place.type.kind == kinds.INT and place.type.encoding & kinds.SIGNED != 0)


def _left_shift(place: _Place, endian: str) -> int:
    """How far left the field must go so that its highest bit is bit 63."""
    inside = place.bit_offset - place.byte_offset * 8
    if endian == "little":
        return 64 - (inside + place.bits)
    return (8 - place.size) * 8 + inside


_MEMBER: dict[int, Callable[[_Place, str], int]] = {
    FIELD_BYTE_OFFSET: lambda place, _: place.byte_offset,
    FIELD_BYTE_SIZE: lambda place, _: place.size,
    FIELD_SIGNED: _signed,
    FIELD_LSHIFT_U64: _left_shift,
    FIELD_RSHIFT_U64: lambda place, _: 64 - place.bits,
}


def misread(local: Path, target: Path) -> str:
    """What is wrong with a copy of the member that is as long as the probe declares it; "" for nothing.

    A part of an array is no fault. Of structs nothing is said: a probe declares the members that it reads.
    """
    ours, theirs = _extent(local), _extent(target)
    if ours is None or theirs is None or (ours[0] == theirs[0] and (ours[1] <= theirs[1] or not theirs[1])):
        return ""
    (ours_each, ours_all), (theirs_each, theirs_all) = ours, theirs
    if ours_each == ours_all and theirs_each == theirs_all:
        return f"has {theirs_all} bytes in the kernel and {ours_all} in the probe"
    return (
        f"has {theirs_all} bytes in the kernel, {theirs_each} for each element, and {ours_all} in the probe, "
        f"{ours_each} for each"
    )


def _extent(path: Path) -> tuple[int, int] | None:
    """Bytes of one number and of all of them; None for bit fields, structs and unions."""
    last = path.steps[-1]
    whole = last.owner if last.name is None else path.types.get(last.member.type)
    found = resolve(path.types, whole)
    while found is not None and found.kind == kinds.ARRAY:
        found = resolve(path.types, path.types.get(found.type))
    if found is None or found.kind in COMPOSITES or (last.name is not None and last.member.bits):
        return None
    return size_of(path.types, found), size_of(path.types, whole)


def width_may_change(local: Value, target: Value) -> bool:
    """Whether a load of the probe's width may become one of the kernel's.

    Only where zeros above the value leave it what it is: pointers (of a 32-bit kernel) and numbers
    without sign.
    """
    ours, theirs = local.type, target.type
    if local.width == target.width:
        return True
    if ours is None or theirs is None:
        return False
    if ours.kind == theirs.kind == kinds.PTR:
        return True
    # Equal to, not has: libbpf takes a signed `char` for unsigned, and so must we.
    return ours.kind == theirs.kind == kinds.INT and kinds.SIGNED not in (ours.encoding, theirs.encoding)
