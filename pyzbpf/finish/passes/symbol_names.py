"""C names for local symbols: Zig writes `probe.table` for a variable or function `table`.

The BTF must carry the same name, and a name with a dot in it is nobody's identifier. Symbols of
anonymous constants (`__anon_216`) are numbered by the compiler and say nothing: they go. A callback that
the SDK wrote has the name of the author's function in it.
"""

from __future__ import annotations

from pyzbpf.btf.names import c_name
from pyzbpf.elf import image as elf
from pyzbpf.finish.analysis.roles import is_guarded_callback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Function
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    used = unit.used_symbols()
    unit.image.symbols = [
        symbol
        for symbol in unit.image.symbols
        if not (
            symbol.name.startswith("__anon_") and symbol.type == elf.STT_OBJECT and id(symbol) not in used
        )
    ]
    taken = {symbol.name for symbol in unit.named_symbols() if symbol.binding != elf.STB_LOCAL}
    bodies = {id(f.symbol): _body(f) for f in unit.code.functions if is_guarded_callback(f)}
    for symbol in unit.named_symbols():
        if symbol.binding != elf.STB_LOCAL or "." not in symbol.name:
            continue
        short = c_name(bodies.get(id(symbol)) or symbol.name)
        name, number = short, 1
        while name in taken:
            number += 1
            name = f"{short}_{number}"
        taken.add(name)
        symbol.name = name


def _body(callback: Function) -> str:
    """The function that was inlined into it; "" where nothing of it is left, or DWARF does not tell."""
    return next((i.calls[-1].name for i in callback.instructions if i.calls), "")
