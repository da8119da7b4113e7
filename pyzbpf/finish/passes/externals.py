"""What the kernel defines: DATASECs `.kconfig` and `.ksyms` with a typed entry for each undefined symbol.

Zig writes no type information for an `extern fn`, and a variable for an `extern const` that says not where
it belongs. libbpf says "failed to find BTF for extern"; the kernel wants a prototype for each kfunc that
is called. So functions come from the SDK's markers and declarations, variables from either; `CONFIG_` and
`LINUX_` names are the configuration's, all others symbols.
"""

from __future__ import annotations

from pyzbpf.btf import layout
from pyzbpf.btf import types as kinds
from pyzbpf.btf.types import Type
from pyzbpf.errors import ObjectError
from pyzbpf.finish import marker
from pyzbpf.finish.scalars import Scalars

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyzbpf.finish.marker import External, Shape
    from pyzbpf.finish.unit import Unit

MARK = "extern"
KCONFIG, KSYMS = ".kconfig", ".ksyms"
SECTIONS = {"kconfig": KCONFIG, "ksym": KSYMS, "kfunc": KSYMS}
_CONFIGURATION = ("CONFIG_", "LINUX_")


def run(unit: Unit) -> None:
    undefined = {symbol.name for symbol in unit.named_symbols() if symbol.is_undefined}
    maker = _Maker(unit)
    for external in _asked(unit, undefined - maker.placed.keys()):
        maker.add(external)
    for type_id, found in list(unit.each(kinds.VAR)):
        if found.linkage == kinds.EXTERN and type_id not in maker.entries:
            maker.take(type_id, found, used=found.name in undefined)


def _asked(unit: Unit, undefined: set[str]) -> Iterable[External]:
    """What the SDK says of undefined symbols, by name; ObjectError where it says two things of one."""
    texts = [text for text in unit.declarations if text.startswith("kfunc ")]
    for _, instruction in unit.code.instructions():
        texts += [mark.text for mark in instruction.marks if mark.kind == MARK]
        instruction.marks = [mark for mark in instruction.marks if mark.kind != MARK]
    found: dict[str, str] = {}
    for text in texts:
        name = text.split(" ")[1]
        if name in undefined and found.setdefault(name, text) != text:
            raise _two_ways(unit, name, found[name], text)
    return [marker.parse_external(text) for _, text in sorted(found.items())]


def _two_ways(unit: Unit, name: str, one: str, other: str) -> ObjectError:
    return ObjectError(
        f"declared in two ways: '{one}' and '{other}'",
        file=unit.image.file,
        symbol=name,
        advice="declare each symbol of the kernel once",
    )


class _Maker:
    """Adds VARs, FUNCs and their two sections.

    ``entries`` are the ids of what stands in one of the sections, ``placed`` their sizes by name.
    """

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.scalars = Scalars(unit)
        self.sections = {
            found.name: found for _, found in unit.each(kinds.DATASEC) if found.name in SECTIONS.values()
        }
        self.entries: set[int] = set()
        self.placed: dict[str, int] = {}
        for section in self.sections.values():
            for entry, _, size in section.variables:
                found = unit.types[entry]
                self.entries.add(entry)
                self.placed[found.name if found is not None else ""] = size

    def add(self, external: External) -> None:
        """A symbol that the SDK tells of."""
        if external.kind == "kfunc":
            entry, size = self._function(external), 0
        else:
            # Of what is only an address: `extern void symbol`, as cilium/ebpf wants it; loaders make it a number.
            variable = Type(kinds.VAR, external.name, type=self._type(external.shape))
            variable.linkage = kinds.EXTERN
            entry, size = self.unit.add_type(variable), external.shape.size
        self._place(SECTIONS[external.kind], entry, external.name, size)

    def take(self, type_id: int, found: Type, *, used: bool) -> None:
        """A variable that the compiler tells of. It goes where nobody uses it, or where the SDK told of it."""
        size = layout.size_of(self.unit.types, found.type) or 0
        if used and found.name not in self.placed:
            section = KCONFIG if found.name.startswith(_CONFIGURATION) else KSYMS
            self._place(section, type_id, found.name, size)
            return
        if size != self.placed.get(found.name, size):
            raise _two_ways(self.unit, found.name, f"{size} bytes", f"{self.placed[found.name]} bytes")
        self.unit.types[type_id] = None

    def _place(self, section: str, entry: int, name: str, size: int) -> None:
        if section not in self.sections:
            self.sections[section] = Type(kinds.DATASEC, section)
            self.unit.add_type(self.sections[section])
        self.sections[section].variables.append((entry, 0, size))
        self.entries.add(entry)
        self.placed[name] = size

    def _function(self, external: External) -> int:
        self._check(external)
        function = Type(kinds.FUNC, external.name, type=self._type(external.shape))
        function.linkage = kinds.EXTERN
        return self.unit.add_type(function)

    def _check(self, external: External) -> None:
        shape = external.shape
        places = [("its result", shape.element)]
        places += [(f"parameter {number}", found) for number, found in enumerate(shape.parameters, 1)]
        for place, found in places:
            if found is None or found.kind == "foreign":
                raise ObjectError(
                    f"{place} is nothing that a function of the kernel takes or returns",
                    file=self.unit.image.file,
                    symbol=external.name,
                    advice="they take and return numbers and pointers: give structs by pointer",
                )

    def _type(self, shape: Shape) -> int:
        """The id of a type as described; 0 is void."""
        if shape.kind in ("void", "foreign"):
            return 0
        if shape.kind in ("struct", "union"):
            return self._composite(kinds.STRUCT if shape.kind == "struct" else kinds.UNION, shape.name)
        if shape.element is None:
            return self.scalars.id(shape.kind, shape.size, signed=shape.signed)
        made = Type(_WITH_ELEMENT[shape.kind], type=self._type(shape.element))
        if shape.kind == "array":
            made.count, made.index_type = shape.count, self.scalars.id("integer", 4)
        made.parameters = [
            (f"arg{number}", self._type(found)) for number, found in enumerate(shape.parameters)
        ]
        return self.unit.add_type(made)

    def _composite(self, kind: int, name: str) -> int:
        """The kernel's struct as this object knows it, or one without members: only its kind counts."""
        for type_id, found in self.unit.each(kind):
            if found.name == name and (name or not found.members):
                return type_id
        return self.unit.add_type(Type(kind, name))


_WITH_ELEMENT = {"pointer": kinds.PTR, "array": kinds.ARRAY, "function": kinds.FUNC_PROTO}
