"""Struct members in order of offset: Zig lays out its own structs freely and lists source order.

The kernel says "Invalid member bits_offset" where an offset goes back.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    for _, found in unit.each(kinds.STRUCT):
        found.members.sort(key=lambda member: member.bit_offset)
