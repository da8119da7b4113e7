"""VAR: the name and linkage of the symbol at its place.

libbpf refuses a static map ("unsupported map linkage static") and finds variables by name.
"""

from __future__ import annotations

from pyzbpf.btf import types as kinds
from pyzbpf.btf.names import c_name
from pyzbpf.elf import image as elf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    symbols = {
        (symbol.section.name, symbol.value): symbol
        for symbol in unit.named_symbols()
        if symbol.section is not None and symbol.type in (elf.STT_OBJECT, elf.STT_NOTYPE)
    }
    for _, section in unit.each(kinds.DATASEC):
        for variable_id, offset, _ in section.variables:
            found = unit.types[variable_id]
            symbol = symbols.get((section.name, offset))
            if found is None or found.kind != kinds.VAR:
                continue
            if symbol is not None:
                found.name = symbol.name
                found.linkage = kinds.STATIC if symbol.binding == elf.STB_LOCAL else kinds.GLOBAL
            else:
                found.name = c_name(found.name)
