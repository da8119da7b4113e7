"""No access beyond a variable or a map's value at a place that is known when the probe is built.

In the modes without checks LLVM carries an index that it knows into the address (`table[20]` of 16 elements is
`*(u64 *)(r1 + 160)`). Where another variable lies there, that is what would be read or written; else no kernel loads it:
"invalid access to map value". Only straight code is looked at, from the address on.
"""

from __future__ import annotations

from typing import NamedTuple

from pyzbpf.btf import layout
from pyzbpf.btf import types as kinds
from pyzbpf.elf import image as elf
from pyzbpf.finish.analysis import registers
from pyzbpf.finish.analysis.registers import ADD64_IMMEDIATE, LDX, MOV64, ST, STX
from pyzbpf.finish.analysis.roles import fault
from pyzbpf.insn.instruction import CALL, LD_IMM64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.types import Type
    from pyzbpf.elf.image import Symbol
    from pyzbpf.finish.code import Function, Instruction
    from pyzbpf.finish.unit import Unit

# Helpers that return the address of a value of the map that is their first argument: map_lookup_elem and
# map_lookup_percpu_elem.
_LOOKUPS = (1, 195)


class _Address(NamedTuple):
    """``offset`` bytes from the start of something of ``size`` bytes; a map's own address has none."""

    name: str
    size: int | None
    offset: int = 0


def run(unit: Unit) -> None:
    if not unit.is_from_zig:
        return
    values = {
        name: size for name, definition in unit.map_definitions() if (size := _value_size(unit, definition))
    }
    for function in unit.code.functions:
        targets = {instruction.target for instruction in function.instructions}
        known: dict[int, _Address] = {}
        for instruction in function.instructions:
            if instruction in targets:
                known = {}
            _check(unit, function, instruction, known)
            made = _made(unit, instruction, known, values)
            for register in registers.writes(instruction):
                known.pop(register, None)
            if made is not None:
                known[0 if instruction.opcode == CALL else instruction.destination] = made


def _value_size(unit: Unit, definition: Type) -> int:
    """The bytes of a map's value, as its struct has it; 0 where it does not say."""
    for member in definition.members:
        _, pointer = layout.resolve(unit.types, member.type)
        if pointer is not None and pointer.kind == kinds.PTR and member.name == "value":
            return layout.size_of(unit.types, pointer.type) or 0
    return 0


def _made(
    unit: Unit, instruction: Instruction, known: dict[int, _Address], values: dict[str, int]
) -> _Address | None:
    opcode, symbol = instruction.opcode, instruction.symbol
    if (
        opcode == LD_IMM64
        and symbol is not None
        and symbol.section is not None
        and not symbol.section.is_code
    ):
        if symbol.section.name in (".maps", "maps"):
            return _Address(symbol.name, None)
        return _variable(unit, symbol, instruction.immediate)
    if opcode == MOV64 and not instruction.offset:
        return known.get(instruction.source)
    mine = known.get(instruction.destination)
    if opcode == ADD64_IMMEDIATE and mine is not None and instruction.core is None:
        return mine._replace(offset=mine.offset + instruction.immediate)
    if opcode == CALL and symbol is None and instruction.callee is None and instruction.immediate in _LOOKUPS:
        map = known.get(1)
        if map is not None and map.size is None and map.name in values:
            return _Address(f"a value of '{map.name}'", values[map.name])
    return None


def _variable(unit: Unit, symbol: Symbol, offset: int) -> _Address | None:
    """The variable that a relocation means: by its symbol, or by section and offset."""
    if symbol.type != elf.STT_SECTION:
        return _Address(f"'{symbol.name}'", symbol.size, offset) if symbol.size else None
    for other in unit.named_symbols(symbol.section):
        if other.value <= offset < other.value + other.size:
            return _Address(f"'{other.name}'", other.size, offset - other.value)
    return None


def _check(unit: Unit, function: Function, access: Instruction, known: dict[int, _Address]) -> None:
    group = access.opcode & 7
    if group not in (LDX, ST, STX) or access.core is not None:
        return
    base = known.get(access.source if group == LDX else access.destination)
    if base is None or base.size is None:
        return
    start, size = base.offset + access.offset, registers.access_size(access)
    if start >= 0 and start + size <= base.size:
        return
    verb = "reads" if group == LDX else "writes"
    raise fault(
        unit, function, access,
        f"{verb} {size} bytes at byte {start} of {base.name}, which has {base.size}",
        "the index is known and always beyond the end: mend it, or let a condition keep it out (`if (i < table.len)`); built in safe mode "
        "the program ends there, and Python reports it",
    )  # fmt: skip
