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
    symbols = {
        (symbol.section.name, symbol.value): symbol
        for symbol in unit.named_symbols()
        if symbol.section is not None and symbol.type == elf.STT_FUNC
    }
    for section, records in unit.functions.items():
        for offset, type_id in records:
            symbol, found = symbols.get((section, offset)), unit.types[type_id]
            if symbol is not None and found is not None and found.kind == kinds.FUNC:
                found.name = symbol.name
                found.linkage = kinds.STATIC if symbol.binding == elf.STB_LOCAL else kinds.GLOBAL
