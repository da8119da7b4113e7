"""What a package's ``NAME_skel`` modules are at run time: a probe's door and the classes of its types.

The build writes one for each probe, with a ``.pyi`` beside it that says the same to type checkers
(`pyzbpf.build.stubs`). Both take the names from `classes` of this file, so they cannot drift apart.
"""

from __future__ import annotations

import sys

from pyzbpf.btf import codec, tagged
from pyzbpf.btf import types as kinds
from pyzbpf.btf.record import field_names, identifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyzbpf.spec.model import MapSpec, ObjectSpec

CLASSES = frozenset((kinds.STRUCT, kinds.UNION, kinds.ENUM, kinds.ENUM64))
# Names that the module or its stub uses itself; a type of the probe called so gets a `_` behind.
RESERVED = frozenset(
    (
        "Any", "ByName", "EnumValue", "Literal", "Object", "ObjectSpec", "Record", "Spec", "Unpack", "bool",
        "bytes", "float", "int", "list", "open", "overload", "str", "sys", "typed",
    )
)  # fmt: skip


class Skeleton:
    """The probe ``name`` of a package; `open` and `__getattr__` become those of its module.

    ``docs`` are what the source says of the types, by their names in the module.
    """

    __slots__ = ("_classes", "_docs", "_spec", "_target")

    def __init__(self, package: str, name: str, docs: dict[str, str] | None = None) -> None:
        self._target = f"{package}:{name}"
        self._docs = docs or {}
        self._spec: ObjectSpec | None = None
        # Type information -> classes by type id: objects that are opened twice share them.
        self._classes: dict[bytes, dict[int, type]] = {}

    def open(self, *, endian: str = sys.byteorder) -> ObjectSpec:
        """`pyzbpf.open` of the probe, for machines of that byte order."""
        from pyzbpf.spec.open import open

        spec = open(self._target, endian=endian)
        if spec.btf is not None:
            spec.btf.classes = self._classes.setdefault(spec.btf.data, spec.btf.classes)
        return spec

    def attribute(self, name: str) -> object:
        """A class of the module: of one of the probe's types, or what its objects are."""
        if name == "Spec":
            from pyzbpf.spec.model import ObjectSpec

            return ObjectSpec
        if name == "Object":
            return self._runtime()
        if not name.startswith("__"):
            if self._spec is None:
                self._spec = self.open()
            type_id = classes(self._spec).get(name)
            if type_id is not None and self._spec.btf is not None:
                found = codec.class_of(self._spec.btf, type_id)
                found.__doc__ = self._docs.get(name, found.__doc__)
                return found
        raise AttributeError(f"probe '{self._target}' has no type '{name}'")

    @staticmethod
    def _runtime() -> object:
        import pyzbpf

        return pyzbpf.Object


def classes(spec: ObjectSpec) -> dict[str, int]:
    """Name -> BTF type id of every struct, union and enum that values of the probe are made of.

    Events, keys and values of maps, variables and what is inside them, in that order. The names are
    identifiers, and none is there twice.
    """
    btf = spec.btf
    if btf is None:
        return {}
    found: dict[int, str] = {}

    def visit(type_id: int) -> None:
        real_id, type = btf.resolve(type_id)
        if type is None or real_id in found:
            return
        if type.kind == kinds.ARRAY:
            visit(type.type)
        elif type.kind in CLASSES:
            found[real_id] = identifier(type.name) or "anonymous"
            for member in type.members:
                visit(member.type)

    for type_id in _roots(spec):
        visit(type_id)
    names = field_names([f"{name}_" if name in RESERVED else name for name in found.values()])
    return dict(zip(names, found, strict=True))


def event_types(spec: ObjectSpec, map: MapSpec) -> list[int]:
    """The type of a buffer's events: several where it is a tagged union."""
    if spec.btf is None or not map.event_is_tagged:
        return [map.event_type]
    return [type_id for _, type_id in tagged.variants(spec.btf, map.event_type).values()]


def _roots(spec: ObjectSpec) -> Iterator[int]:
    for map in spec.maps.values():
        if map.contents is None:
            yield from (*event_types(spec, map), map.key_type, map.value_type)
    for variable in spec.variables.values():
        yield variable.type_id
