"""One symbol per place: Zig writes a local `probe.events` beside each exported `events`.

With the alias libbpf says "program 'probe.prog' is static and not supported" and opens nothing.
"""

from __future__ import annotations

from pyzbpf.elf import image as elf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.elf.image import Symbol
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    exported: dict[tuple[int, int, int], Symbol] = {}
    for symbol in unit.named_symbols():
        if symbol.section is not None and symbol.binding != elf.STB_LOCAL:
            exported[_place(symbol)] = symbol
    replaced = {
        id(symbol): exported[_place(symbol)]
        for symbol in unit.named_symbols()
        if symbol.section is not None and symbol.binding == elf.STB_LOCAL and _place(symbol) in exported
    }
    unit.replace_symbols(replaced)
    for function in unit.code.functions:
        function.symbol = replaced.get(id(function.symbol), function.symbol)
    unit.image.symbols = [symbol for symbol in unit.image.symbols if id(symbol) not in replaced]


def _place(symbol: Symbol) -> tuple[int, int, int]:
    return id(symbol.section), symbol.value, symbol.type
