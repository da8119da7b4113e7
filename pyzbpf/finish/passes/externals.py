"""What the kernel defines: DATASECs `.kconfig` and `.ksyms` with the types that the SDK's markers give.

Zig writes no type information for an `extern fn`, and none that says where a symbol belongs. libbpf
says "failed to find BTF for extern"; the kernel wants a prototype for each kfunc that is called.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import Type
from pyzbpf.errors import ObjectError
from pyzbpf.finish import marker
from pyzbpf.finish.scalars import Scalars

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.marker import External, Shape
    from pyzbpf.finish.unit import Unit

MARK = "extern"
SECTIONS = {"kconfig": ".kconfig", "ksym": ".ksyms", "kfunc": ".ksyms"}


def run(unit: Unit) -> None:
    texts: dict[str, str] = {}
    for _, instruction in unit.code.instructions():
        for mark in instruction.marks:
            if mark.kind == MARK:
                external = marker.parse_external(mark.text)
                known = texts.setdefault(external.name, mark.text)
                if known != mark.text:
                    raise ObjectError(
                        f"declared in two ways: '{known}' and '{mark.text}'",
                        file=unit.image.file,
                        symbol=external.name,
                        advice="declare each symbol of the kernel once",
                    )
        instruction.marks = [mark for mark in instruction.marks if mark.kind != MARK]
    if not texts:
        return
    maker = _Maker(unit)
    for _, text in sorted(texts.items()):
        maker.add(marker.parse_external(text))


class _Maker:
    """Adds VARs, FUNCs and their two sections."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.scalars = Scalars(unit)
        self.sections: dict[str, Type] = {}

    def add(self, external: External) -> None:
        name = SECTIONS[external.kind]
        if name not in self.sections:
            made = Type(kinds.DATASEC, name)
            self.sections[name] = made
            self.unit.add_type(made)
        if external.kind == "kfunc":
            entry, size = self.unit.add_type(self._function(external)), 0
        else:
            variable = Type(kinds.VAR, external.name, type=self._type(external.shape, constant=True))
            variable.linkage = kinds.EXTERN
            entry, size = self.unit.add_type(variable), external.shape.size
        self.sections[name].variables.append((entry, 0, size))

    def _function(self, external: External) -> Type:
        prototype = Type(kinds.FUNC_PROTO, type=self._type(external.shape))
        prototype.parameters = [
            (f"arg{number}", self._type(shape)) for number, shape in enumerate(external.parameters)
        ]
        function = Type(kinds.FUNC, external.name, type=self.unit.add_type(prototype))
        function.linkage = kinds.EXTERN
        return function

    def _type(self, shape: Shape, *, constant: bool = False) -> int:
        if shape.kind == "void":
            # As clang writes `extern const void symbol`: a VAR may not be of type void itself.
            return self.unit.add_type(Type(kinds.CONST)) if constant else 0
        if shape.kind == "pointer" and shape.name:
            return self.unit.add_type(Type(kinds.PTR, type=self._struct(shape.name)))
        if shape.element is not None:
            array = Type(kinds.ARRAY)
            array.type, array.count = self._type(shape.element), shape.count
            array.index_type = self.scalars.id("integer", 4)
            return self.unit.add_type(array)
        return self.scalars.id(shape.kind, shape.size, signed=shape.signed)

    def _struct(self, name: str) -> int:
        """The kernel's struct as this object knows it, or one without members: the name is what counts."""
        for type_id, found in self.unit.each(kinds.STRUCT):
            if found.name == name:
                return type_id
        return self.unit.add_type(Type(kinds.STRUCT, name))
