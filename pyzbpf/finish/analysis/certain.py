"""What is certain of registers and stack words: which number it is, or the address of which constant.

A forward analysis, kept apart by the edges of the flow: where ways meet only what they agree on is left.
"""

from __future__ import annotations

import operator
from typing import NamedTuple

from pyzbpf.finish.analysis import registers
from pyzbpf.finish.analysis.branches import is_conditional
from pyzbpf.finish.analysis.flow import successors
from pyzbpf.finish.analysis.registers import ALU, ALU64, FRAME, JMP32, LDX, ST, STX
from pyzbpf.finish.analysis.values import frame_escapes
from pyzbpf.insn.instruction import CALL, LD_IMM64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyzbpf.elf.image import Section
    from pyzbpf.finish.code import Function, Instruction
    from pyzbpf.finish.unit import Unit

_WORD, _HALF = (1 << 64) - 1, (1 << 32) - 1
_MEMORY, _MODE = 0x60, 0xE0  # a plain load or store
_BY_REGISTER, _OPERATION = 0x08, 0xF0


class Address(NamedTuple):
    """A place in a section of constants; without a section in the stack frame, from r10."""

    section: Section | None
    offset: int


class Known:
    """What is certain before an instruction, by register (0 to 9) and by (offset, size) in the stack frame."""

    __slots__ = ("values",)

    def __init__(self, values: dict[object, int | Address] | None = None) -> None:
        self.values = dict(values or {})

    def get(self, register: int) -> int | Address | None:
        return Address(None, 0) if register == FRAME else self.values.get(register)

    def number(self, register: int) -> int | None:
        found = self.values.get(register)
        return found if isinstance(found, int) else None

    def put(self, place: object, value: int | Address | None) -> None:
        self.values.pop(place, None)
        if value is not None:
            self.values[place] = value

    def store(self, offset: int, size: int, value: int | Address | None) -> None:
        """Overwrite bytes of the frame."""
        for place in [p for p in self.values if isinstance(p, tuple)]:
            if place[0] < offset + size and offset < place[0] + place[1]:
                del self.values[place]
        if isinstance(value, int):
            value &= (1 << 8 * size) - 1
        self.put((offset, size), value if isinstance(value, int) or size == 8 else None)

    def forget_stack(self) -> None:
        self.values = {place: value for place, value in self.values.items() if isinstance(place, int)}

    def joined(self, other: Known) -> Known:
        mine, theirs = self.values.items(), other.values
        return Known({place: value for place, value in mine if theirs.get(place) == value})


class Certainties:
    """The analysis of one function; `on_edge` is the question, `step` and `outcome` carry on."""

    def __init__(self, unit: Unit, function: Function) -> None:
        self._unit = unit
        self._code = function.instructions[:]
        self._escapes = frame_escapes(function)
        self._following = successors(function)
        self._found = self._walk()

    def edges(self) -> list[tuple[int, int]]:
        """(from, to) by index, of all that control may go along."""
        return [(one, two) for one in sorted(self._found) for two in dict.fromkeys(self._following[one])]

    def on_edge(self, start: int, end: int) -> Known:
        """What is certain on the way from one instruction to the next."""
        return self.after(self._found[start], start, end)

    def _walk(self) -> dict[int, Known]:
        found = {0: Known()}
        waiting = [0]
        while waiting:
            index = waiting.pop()
            for target in dict.fromkeys(self._following[index]):
                new = self.after(found[index], index, target)
                if target in found:
                    new = found[target].joined(new)
                    if new.values == found[target].values:
                        continue
                found[target] = new
                waiting.append(target)
        return found

    def after(self, known: Known, index: int, target: int) -> Known:
        """What is certain where control goes on at ``target``, after an instruction before which ``known`` is."""
        instruction = self._code[index]
        made = Known(known.values)
        self.step(made, instruction)
        equal = _equal_where(instruction)
        if equal is not None and (target != index + 1) == equal and len({*self._following[index]}) > 1:
            made.put(instruction.destination, instruction.immediate & _WORD)
        return made

    def step(self, known: Known, instruction: Instruction) -> None:
        """Carry out an instruction."""
        group = instruction.opcode & 7
        if group in (ST, STX):
            self._store(known, instruction)
        elif instruction.opcode == CALL and self._escapes:
            known.forget_stack()
        value = self._result(known, instruction)
        for register in registers.writes(instruction):
            known.put(register, value)

    def _store(self, known: Known, instruction: Instruction) -> None:
        base = known.get(instruction.destination)
        if not isinstance(base, Address):
            if self._escapes:
                known.forget_stack()
            return
        if base.section is not None:
            return
        value: int | Address | None = None
        if instruction.opcode & _MODE == _MEMORY:
            is_number = instruction.opcode & 7 == ST
            value = instruction.immediate & _WORD if is_number else known.get(instruction.source)
        known.store(base.offset + instruction.offset, registers.access_size(instruction), value)

    def _result(self, known: Known, instruction: Instruction) -> int | Address | None:
        """What the instruction puts into the one register that it writes."""
        opcode, group = instruction.opcode, instruction.opcode & 7
        if instruction.core is not None or instruction.marks:
            return None
        if opcode == LD_IMM64:
            return self._loaded_address(instruction)
        if group == LDX and opcode & _MODE == _MEMORY:
            base = known.get(instruction.source)
            if isinstance(base, Address):
                return self._read(
                    known,
                    base._replace(offset=base.offset + instruction.offset),
                    registers.access_size(instruction),
                )
            return None
        if group not in (ALU, ALU64) or instruction.offset:
            return None
        by_register = instruction.opcode & _BY_REGISTER
        one = known.get(instruction.destination)
        other = known.get(instruction.source) if by_register else instruction.immediate & _WORD
        return _calculated(opcode & _OPERATION, one, other, mask=_WORD if group == ALU64 else _HALF)

    def _loaded_address(self, instruction: Instruction) -> int | Address | None:
        symbol = instruction.symbol
        if symbol is None:
            value = (instruction.high << 32 | instruction.immediate & _HALF) & _WORD
            return None if instruction.source else value
        if symbol.section is None or instruction.callee is not None:
            return None
        return Address(symbol.section, symbol.value + instruction.immediate)

    def _read(self, known: Known, at: Address, size: int) -> int | Address | None:
        if at.section is None:
            return known.values.get((at.offset, size))
        end = at.offset + size
        if not _is_constant(self._unit, at.section, at.offset, end):
            return None
        data = at.section.data[at.offset : end]
        return int.from_bytes(data, "big" if self._unit.image.endian == "big" else "little")


def outcome(known: Known, jump: Instruction) -> bool | None:
    """Whether a conditional jump is taken; None: that is not known."""
    one = known.number(jump.destination)
    other = known.number(jump.source) if jump.opcode & _BY_REGISTER else jump.immediate & _WORD
    if one is None or other is None:
        return None
    bits = 32 if jump.opcode & 7 == JMP32 else 64
    relation, is_signed = _RELATIONS[jump.opcode & _OPERATION]
    return bool(relation(_as(one, bits, is_signed=is_signed), _as(other, bits, is_signed=is_signed)))


_RELATIONS: dict[int, tuple[Callable[[int, int], object], bool]] = {
    0x10: (operator.eq, False), 0x20: (operator.gt, False), 0x30: (operator.ge, False),
    0x40: (operator.and_, False), 0x50: (operator.ne, False), 0x60: (operator.gt, True),
    0x70: (operator.ge, True), 0xA0: (operator.lt, False), 0xB0: (operator.le, False),
    0xC0: (operator.lt, True), 0xD0: (operator.le, True),
}  # fmt: skip
_MOVE, _ADD = 0xB0, 0x00
_CALCULATIONS: dict[int, Callable[[int, int], int]] = {
    _ADD: operator.add, 0x10: operator.sub, 0x40: operator.or_, 0x50: operator.and_,
    0x60: lambda one, other: one << (other & 63), 0x70: lambda one, other: one >> (other & 63),
    0xA0: operator.xor,
}  # fmt: skip


def _as(number: int, bits: int, *, is_signed: bool) -> int:
    number &= (1 << bits) - 1
    return number - (1 << bits) if is_signed and number >> (bits - 1) else number


def _calculated(
    operation: int, one: int | Address | None, other: int | Address | None, *, mask: int
) -> int | Address | None:
    if operation == _MOVE:
        return other & mask if isinstance(other, int) else other if mask == _WORD else None
    if isinstance(one, Address) and isinstance(other, int) and operation == _ADD and mask == _WORD:
        return one._replace(offset=one.offset + _as(other, 64, is_signed=True))
    if isinstance(one, int) and isinstance(other, int) and operation in _CALCULATIONS:
        return _CALCULATIONS[operation](one & mask, other & mask) & mask
    return None


def _equal_where(jump: Instruction) -> bool | None:
    """On which way a test tells that a register is a number: where it is taken, where not; None: on neither."""
    if not is_conditional(jump) or jump.opcode & _BY_REGISTER or jump.opcode & 7 == JMP32:
        return None
    return {0x10: True, 0x50: False}.get(jump.opcode & _OPERATION)


def _is_constant(unit: Unit, section: Section, start: int, end: int) -> bool:
    """Whether bytes are the same for ever: in no variable, which a loader may set, and no address either."""
    if not section.name.startswith(".rodata") or not 0 <= start <= end <= len(section.data):
        return False
    variables = [(offset, offset + size) for _, offset, size in unit.variables.get(section, ())]
    places = [(relocation.offset, relocation.offset + 8) for relocation in section.relocations]
    return not any(one < end and start < two for one, two in [*variables, *places])
