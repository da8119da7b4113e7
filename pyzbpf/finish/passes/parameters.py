"""Every parameter of a function has a name.

Zig gives none, and the kernel says "Invalid arg#1" and takes no BTF at all; callbacks need it.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    prototypes = {found.type for _, found in unit.each(kinds.FUNC)}
    for type_id, found in unit.each(kinds.FUNC_PROTO):
        if type_id in prototypes:
            found.parameters = [
                (name or f"arg{number}", parameter)
                for number, (name, parameter) in enumerate(found.parameters)
            ]
