"""FUNC: the name and linkage of the symbol where the function begins.

Zig calls every function static. The kernel verifies global functions by their types alone, and
tools show the name.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.elf import image as elf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    for function in unit.code.functions:
        found = unit.types[function.type_id]
        if found is not None and found.kind == kinds.FUNC:
            found.name = function.symbol.name
            found.linkage = kinds.STATIC if function.symbol.binding == elf.STB_LOCAL else kinds.GLOBAL
