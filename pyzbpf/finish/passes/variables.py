"""VAR: the name and linkage of the symbol at its place.

libbpf refuses a static map ("unsupported map linkage static") and finds variables by name. LLVM may
split a variable and keep a piece of it under the whole's type, to which the kernel says "Invalid
size": a piece is bytes.
"""

from __future__ import annotations

from pyzbpf.btf import layout
from pyzbpf.btf import types as kinds
from pyzbpf.btf.names import c_name
from pyzbpf.elf import image as elf
from pyzbpf.finish.scalars import Scalars

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    scalars = Scalars(unit)
    for section, variables in unit.variables.items():
        symbols = {
            symbol.value: symbol
            for symbol in unit.named_symbols(section)
            if symbol.type in (elf.STT_OBJECT, elf.STT_NOTYPE)
        }
        for variable_id, offset, size in variables:
            found, symbol = unit.types[variable_id], symbols.get(offset)
            if found is None or found.kind != kinds.VAR:
                continue
            if symbol is not None:
                found.name = symbol.name
                found.linkage = kinds.STATIC if symbol.binding == elf.STB_LOCAL else kinds.GLOBAL
            else:
                found.name = c_name(found.name)
            if size < (layout.size_of(unit.types, found.type) or 0):
                found.type = scalars.bytes(size)
