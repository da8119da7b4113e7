"""`void` and `anyopaque`: Zig writes an INT of no size, BTF's void is type 0.

A member of type void (an error union `E!void` has one) holds nothing and goes: the kernel says
"Invalid type_id".
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    unit.redirect({type_id: 0 for type_id, found in unit.each(kinds.INT) if found.size == 0})
    for _, found in unit.each(kinds.STRUCT, kinds.UNION):
        found.members = [member for member in found.members if member.type]
