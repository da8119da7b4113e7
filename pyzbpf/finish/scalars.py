"""Number types that passes add to an object, each once."""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import Type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit

_INTEGERS = {1: "char", 2: "short", 4: "int", 8: "long long", 16: "__int128"}
_FLOATS = {2: "_Float16", 4: "float", 8: "double", 16: "long double"}


class Scalars:
    """The scalar types made for one object."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.made: dict[tuple[str, int, bool], int] = {}

    def id(self, kind: str, size: int, *, signed: bool = False) -> int:
        """The id of an "integer", "bool", "float" or "enum" of ``size`` bytes."""
        key = kind, size, signed
        if key not in self.made:
            self.made[key] = self.unit.add_type(_type(kind, size, signed=signed))
        return self.made[key]

    def bytes(self, count: int) -> int:
        """The id of an array of bytes."""
        array = Type(kinds.ARRAY)
        array.type, array.index_type, array.count = self.id("integer", 1), self.id("integer", 4), count
        return self.unit.add_type(array)


def _type(kind: str, size: int, *, signed: bool) -> Type:
    if kind == "float":
        return Type(kinds.FLOAT, _FLOATS.get(size, "float"), size=size)
    if kind == "enum":
        made = Type(kinds.ENUM, size=size)  # without a name: only kind and size count
        made.values = [("unused", 0)]
        return made
    name = "_Bool" if kind == "bool" else _INTEGERS.get(size, "int")
    made = Type(kinds.INT, name if signed or kind == "bool" else f"unsigned {name}", size=size)
    made.bits = 8 * size
    made.encoding = kinds.BOOL if kind == "bool" else (kinds.SIGNED if signed else 0)
    return made
