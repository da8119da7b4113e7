"""`void` and `anyopaque`: Zig writes an INT of no size, BTF's void is type 0.

What holds nothing goes: a member of type void (an error union `E!void` has one), to which the kernel says
"Invalid type_id", and an array of voids ("Invalid elem").
"""

from __future__ import annotations

from pyzbpf.btf import layout
from pyzbpf.btf import types as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    unit.redirect({type_id: 0 for type_id, found in unit.each(kinds.INT) if found.size == 0})
    while empty := {type_id: 0 for type_id, found in unit.each(kinds.ARRAY) if _is_void(unit, found.type)}:
        unit.redirect(empty)
    for _, found in unit.each(kinds.STRUCT, kinds.UNION):
        found.members = [member for member in found.members if not _is_void(unit, member.type)]


def _is_void(unit: Unit, type_id: int) -> bool:
    return layout.resolve(unit.types, type_id)[1] is None
