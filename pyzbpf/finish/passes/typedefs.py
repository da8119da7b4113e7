"""Typedefs that only Zig can spell (`?*T`, `error{A,B}`) give way to what they stand for.

In a map definition libbpf says "key spec is not PTR: typedef"; elsewhere the kernel says "Invalid
name".
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.names import is_c_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    unit.redirect(
        {type_id: found.type for type_id, found in unit.each(kinds.TYPEDEF) if not is_c_name(found.name)}
    )
    for _, pointer in unit.each(kinds.PTR):
        pointer.name = ""
