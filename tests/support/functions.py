"""Functions of the finisher's instructions: written by hand, shown, and carried out on numbers."""

from __future__ import annotations

import operator

from pyzbpf.elf import image as elf
from pyzbpf.finish import unit as units
from pyzbpf.finish.analysis.flow import TRAP, is_trap
from pyzbpf.finish.analysis.liveness import uses
from pyzbpf.finish.analysis.registers import ALU, ALU64, JMP, JMP32, LOAD64, STORE64
from pyzbpf.finish.code import Function, Instruction, Line, Mark
from pyzbpf.insn.instruction import CALL, EXIT, JA, LD_IMM64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_OPERATIONS = {
    0x00: operator.add,
    0x10: operator.sub,
    0x20: operator.mul,
    0x40: operator.or_,
    0x50: operator.and_,
    0xA0: operator.xor,
    0x60: lambda one, by: one << (by & 63),
    0x70: lambda one, by: one >> (by & 63),
    0xB0: lambda _, value: value,
}
_COMPARISONS = {
    0x10: operator.eq,
    0x20: operator.gt,
    0x30: operator.ge,
    0x40: lambda one, other: one & other != 0,
    0x50: operator.ne,
    0xA0: operator.lt,
    0xB0: operator.le,
}
_SIGNED = {0x60: operator.gt, 0x70: operator.ge, 0xC0: operator.lt, 0xD0: operator.le}
SYMBOL = elf.Symbol(TRAP, section=None)


def op(opcode: int, destination: int = 0, source: int = 0, imm: int = 0) -> Instruction:
    return Instruction(opcode, destination=destination, source=source, immediate=imm)


def trap(text: str = "integerOverflow") -> Instruction:
    made = op(CALL, 0, 1, -1)
    made.symbol, made.marks = SYMBOL, [Mark("trap", text)]
    return made


# An instruction, or a jump with the index it goes to.
Part = Instruction | tuple[Instruction, int]


def function(*code: Part) -> Function:
    """A function with a line record on each instruction."""
    made = Function(elf.Symbol("prog", section=None), elf.Section("xdp", type=1))
    made.instructions = [part[0] if isinstance(part, tuple) else part for part in code]
    for part in code:
        if isinstance(part, tuple):
            part[0].target = made.instructions[part[1]]
    for number, instruction in enumerate(made.instructions):
        instruction.line = Line("probe.zig", f"{number}", number << 10)
    return made


def unit(*functions: Function, zig: bool = True) -> units.Unit:
    made = units.Unit(elf.Image(file="probe.o", endian="little"))
    made.code.functions = list(functions)
    made.is_from_zig = zig
    return made


def shown(code: Function) -> list[tuple[int, ...]]:
    """Opcode, registers, immediate, and where a jump goes."""
    places = {instruction: index for index, instruction in enumerate(code.instructions)}
    return [
        (
            i.opcode,
            i.destination,
            i.source,
            i.immediate,
            *([places[i.target]] if i.target is not None else []),
        )
        for i in code.instructions
    ]


def run(function: Function, arguments: Sequence[int]) -> tuple[object, ...]:
    """("exit", r0), ("trap", the operands that its mark names), or ("endless",); registers begin with
    ``arguments``.
    """
    places = {instruction: index for index, instruction in enumerate(function.instructions)}
    registers = list(arguments)
    stack: dict[int, int] = {}
    index = 0
    for _ in range(500):
        instruction = function.instructions[index]
        group, operation = instruction.opcode & 7, instruction.opcode & 0xF0
        bits = 32 if group in (ALU, JMP32) else 64
        mask = (1 << bits) - 1
        if instruction.opcode == EXIT:
            return "exit", registers[0]
        if is_trap(instruction):
            return (
                "trap",
                *(registers[r] for r in sorted(uses(instruction))),
                *(m.text for m in instruction.marks),
            )
        one = registers[instruction.destination] & mask if instruction.destination < 10 else 0
        if group not in (ALU, ALU64, JMP, JMP32):
            other = 0
        else:
            other = (
                registers[instruction.source] if instruction.opcode & 8 else instruction.immediate
            ) & mask
        index += 1
        if instruction.opcode == STORE64:
            stack[instruction.offset] = registers[instruction.source]
        elif instruction.opcode == LOAD64:
            registers[instruction.destination] = stack.get(instruction.offset, 7)
        elif instruction.opcode == LD_IMM64:
            registers[instruction.destination] = (
                instruction.immediate & 0xFFFFFFFF | instruction.high << 32
            ) & mask
        elif group in (ALU, ALU64):
            if operation == 0xC0:
                result = signed(one, bits) >> (other & 63)
            elif operation == 0xB0 and instruction.offset:
                result = signed(other & ((1 << instruction.offset) - 1), instruction.offset)
            else:
                result = _OPERATIONS[operation](one, other)
            registers[instruction.destination] = result & mask
        elif (
            instruction.opcode == JA
            or (operation in _SIGNED and _SIGNED[operation](signed(one, bits), signed(other, bits)))
            or (operation not in _SIGNED and _COMPARISONS[operation](one, other))
        ):
            assert instruction.target is not None
            index = places[instruction.target]
    return ("endless",)


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value
