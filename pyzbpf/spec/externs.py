"""What an object leaves to the kernel: configuration values, variables and functions.

The type information says what each undefined symbol is, in the sections `.kconfig` and `.ksyms`.
Configuration values become one more data map, which whoever loads the object fills.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.errors import ObjectError
from pyzbpf.spec.model import MapSpec
from pyzbpf.uapi.enums import BPF_F_MMAPABLE, BPF_F_RDONLY_PROG, BPF_MAP_TYPE_ARRAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyzbpf.btf.decode import Btf
    from pyzbpf.btf.types import Type

KCONFIG, KSYMS = ".kconfig", ".ksyms"


class ExternSpec:
    """An undefined symbol that the kernel defines.

    ``kind`` is "kconfig" (a value of the kernel's configuration), "ksym" (a variable) or "kfunc" (a
    function). What is ``weak`` may be missing: a value is 0 then. ``type_id`` is the BTF id of the
    value's or variable's type (0: only its address is asked for) or of the function's prototype;
    ``size`` and ``offset`` are the value's place in the map `.kconfig` in bytes, 0 for other kinds.
    """

    __slots__ = ("kind", "name", "offset", "size", "type_id", "weak")

    def __init__(
        self, name: str, *, kind: str, weak: bool, type_id: int, size: int = 0, offset: int = 0
    ) -> None:
        self.name = name
        self.kind = kind
        self.weak = weak
        self.type_id = type_id
        self.size = size
        self.offset = offset

    def __repr__(self) -> str:
        return f"<ExternSpec {self.kind} {self.name}{', weak' if self.weak else ''}>"


def read(btf: Btf | None, undefined: Mapping[str, bool], *, file: str) -> list[ExternSpec]:
    """The externs in libbpf's order: values by alignment, size and name, then symbols by name.

    ``undefined`` are the undefined symbols: name -> weak. What only the type information knows is
    used by no instruction, so it may be missing.
    """
    if btf is None:
        return []
    values = [
        (_alignment(btf, found.type), _value(btf, found, undefined.get(found.name, True), file))
        for found in _declared(btf, KCONFIG, file)
    ]
    values.sort(key=lambda pair: (-pair[0], pair[1].size, pair[1].name))
    end = 0
    for alignment, value in values:
        value.offset = -(-end // alignment) * alignment
        end = value.offset + value.size
    symbols = [_symbol(btf, found, undefined.get(found.name, True)) for found in _declared(btf, KSYMS, file)]
    return [value for _, value in values] + sorted(symbols, key=lambda symbol: symbol.name)


def values_map(btf: Btf, externs: Iterable[ExternSpec]) -> MapSpec | None:
    """The map of the configuration values, all zero yet; None where the object asks for none."""
    end = max((found.offset + found.size for found in externs if found.kind == "kconfig"), default=0)
    if not end:
        return None
    return MapSpec(
        KCONFIG,
        section=KCONFIG,
        type=BPF_MAP_TYPE_ARRAY,
        key_size=4,
        value_size=end,
        max_entries=1,
        flags=BPF_F_MMAPABLE | BPF_F_RDONLY_PROG,
        value_type=btf.find(KCONFIG, kinds.DATASEC),
        contents=bytearray(end),
        frozen=True,
    )


def _declared(btf: Btf, section: str, file: str) -> Iterator[Type]:
    type_id = btf.find(section, kinds.DATASEC)
    for entry, _, _ in btf.get(type_id).variables if type_id else ():
        found = btf.get(entry)
        if found.kind != kinds.VAR and (found.kind != kinds.FUNC or section == KCONFIG):
            what = "a function" if found.kind == kinds.FUNC else kinds.KIND_NAMES[found.kind]
            raise ObjectError(f"{what} cannot stand there", file=file, section=section, symbol=found.name)
        yield found


def _value(btf: Btf, found: Type, weak: bool, file: str) -> ExternSpec:
    try:
        size = btf.size_of(found.type)
    except ObjectError as error:
        raise ObjectError(error.message, file=file, section=KCONFIG, symbol=found.name) from None
    return ExternSpec(found.name, kind="kconfig", weak=weak, type_id=found.type, size=size)


def _symbol(btf: Btf, found: Type, weak: bool) -> ExternSpec:
    if found.kind == kinds.FUNC:
        return ExternSpec(found.name, kind="kfunc", weak=weak, type_id=found.type)
    return ExternSpec(found.name, kind="ksym", weak=weak, type_id=btf.resolve(found.type)[0])


def _alignment(btf: Btf, type_id: int) -> int:
    """Of a scalar or an array of scalars; nothing else is a configuration value."""
    _, found = btf.resolve(type_id)
    if found is not None and found.kind == kinds.ARRAY:
        return _alignment(btf, found.type)
    return max(1, min(8, found.size)) if found is not None and found.kind in _SCALARS else 1


_SCALARS = frozenset((kinds.INT, kinds.ENUM, kinds.ENUM64, kinds.FLOAT))
