"""C names for types: `probe.Event` is `Event`, `u32` is `unsigned int`, `Pair(u8,u16)` is `Pair_u8_u16`.

The kernel says "Invalid name" to brackets, commas and the like, and CO-RE compares names with C's.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.names import c_name, c_scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    for _, found in unit.each(kinds.STRUCT, kinds.UNION, kinds.ENUM, kinds.ENUM64, kinds.FWD, kinds.TYPEDEF):
        found.name = c_name(found.name)
        found.values = [(c_name(name), value) for name, value in found.values]
        for member in found.members:
            member.name = c_name(member.name)
    for _, found in unit.each(kinds.INT, kinds.FLOAT):
        found.name = c_scalar(found.name)
        if found.name == "char":
            found.encoding |= kinds.SIGNED
