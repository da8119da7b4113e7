"""A function of its own for each exported name: LLVM keeps one body for functions that are equal.

Two programs would share their code, and with it their verdict for failed checks; libbpf and the kernel
would see a program vanish.
"""

from __future__ import annotations

from pyzbpf.btf.types import Type
from pyzbpf.elf import image as elf
from pyzbpf.finish.code import Core, Function, Instruction, Line, Mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.elf.image import Symbol
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    # All names are found by their places before the first body moves.
    shared = [(function, _others(unit, function)) for function in unit.code.functions]
    for function, others in shared:
        place = unit.code.functions.index(function)
        for symbol in others:
            unit.code.functions.insert(place + 1, _copy(unit, function, symbol))
        if others:
            _move_apart(unit, function)


def _others(unit: Unit, function: Function) -> list[Symbol]:
    """The further names of a function's body."""
    return [
        symbol
        for symbol in unit.named_symbols(function.section)
        if symbol.type == elf.STT_FUNC
        and symbol.value == function.symbol.value
        and symbol is not function.symbol
    ]


def _copy(unit: Unit, function: Function, symbol: Symbol) -> Function:
    twin = Function(symbol, function.section)
    twin.parameters = function.parameters
    copies = {original: _copy_instruction(original) for original in function.instructions}
    twin.instructions = list(copies.values())
    for copy in twin.instructions:
        if copy.target is not None:
            copy.target = copies[copy.target]
    found = unit.types[function.type_id]
    if found is not None:
        made = Type(found.kind, symbol.name, type=found.type)
        made.linkage = found.linkage
        twin.type_id = unit.add_type(made)
    return twin


def _copy_instruction(original: Instruction) -> Instruction:
    copy = original.copy()
    copy.marks = [Mark(mark.kind, mark.text) for mark in original.marks]
    line, core = original.line, original.core
    copy.line = Line(line.file, line.text, line.position) if line is not None else None
    copy.core = Core(core.type_id, core.path, core.kind) if core is not None else None
    return copy


def _move_apart(unit: Unit, function: Function) -> None:
    """Give the symbols of the section their new places at once: a later pass may ask for them."""
    offset = 0
    for other in unit.code.in_section(function.section):
        other.symbol.value, other.symbol.size = offset, other.size
        offset += other.size
    function.section.data = bytearray(offset)
