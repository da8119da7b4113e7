"""DATASEC: the section's size, and its variables in order of offset.

Compilers leave the size 0; libbpf repairs it when it opens the object, other readers do not.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    for _, found in unit.each(kinds.DATASEC):
        section = unit.image.section(found.name)
        if section is not None:
            found.size = len(section.data)
        found.variables.sort(key=lambda variable: variable[1])
