"""Every parameter of a function has a name.

Zig's BTF gives none, and the kernel says "Invalid arg#1" and takes no BTF at all; callbacks need it.
DWARF has the names of those that were not optimised away; the rest are called `argN`.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.names import is_c_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.types import Type
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    for function in unit.code.functions:
        found = unit.types[function.type_id]
        prototype = unit.types[found.type] if found is not None else None
        if prototype is not None and len(prototype.parameters) == len(function.parameters):
            _name(prototype, function.parameters)
    prototypes = {found.type for _, found in unit.each(kinds.FUNC)}
    for type_id, found in unit.each(kinds.FUNC_PROTO):
        if type_id in prototypes:
            _name(found, [f"arg{number}" for number in range(len(found.parameters))])


def _name(prototype: Type, names: list[str]) -> None:
    """Give names to parameters that have none; the second of two equal names is not taken."""
    taken = {name for name, _ in prototype.parameters}
    named = []
    for (old, type_id), new in zip(prototype.parameters, names, strict=True):
        name = old or ("" if new in taken or not is_c_name(new) else new)
        taken.add(name)
        named.append((name, type_id))
    prototype.parameters = named
