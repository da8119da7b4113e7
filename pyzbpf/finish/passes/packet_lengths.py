"""A packet's length is a number of 32 bits to the verifier, too.

`ctx.data_end - ctx.data` is `w1 -= w2` of two that the verifier takes for pointers: of their difference it knows
nothing at all, not even that the upper half is zero. What is checked afterwards (`if w1 > 3`) bounds the lower half
only, and `array[r1]` is refused: "math between map_value pointer and register with unbounded min value". So the
difference is moved onto itself, which clears the upper half.
"""

from __future__ import annotations

from pyzbpf.finish.analysis import contexts, registers
from pyzbpf.finish.analysis.contexts import START
from pyzbpf.finish.analysis.flow import successors
from pyzbpf.finish.analysis.registers import FRAME, LOAD64, MOV64, STORE64
from pyzbpf.finish.analysis.roles import is_program
from pyzbpf.finish.code import Instruction
from pyzbpf.spec import read
from pyzbpf.uapi.enums import (
    BPF_PROG_TYPE_SCHED_ACT,
    BPF_PROG_TYPE_SCHED_CLS,
    BPF_PROG_TYPE_SK_SKB,
    BPF_PROG_TYPE_XDP,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Function
    from pyzbpf.finish.unit import Unit

# Where contexts have a packet's addresses as 32 bits: `data`, `data_end` and `data_meta` of xdp_md and __sk_buff.
_XDP, _BUFFER = (0, 4, 8), (76, 80, 140)
_PLACES = {
    BPF_PROG_TYPE_XDP: _XDP,
    BPF_PROG_TYPE_SCHED_CLS: _BUFFER,
    BPF_PROG_TYPE_SCHED_ACT: _BUFFER,
    BPF_PROG_TYPE_SK_SKB: _BUFFER,
}
_SIZE = 256  # bytes, more than these contexts have
_LOAD32, _SUBTRACT32, _MOVE32 = 0x61, 0x1C, 0xBC


def run(unit: Unit) -> None:
    for function in unit.code.functions if unit.is_from_zig else ():
        program = read.program(function.symbol.name, function.section.name)
        places = _PLACES.get(program.type, ()) if is_program(function) else ()
        if places and any(i.opcode == _SUBTRACT32 for i in function.instructions):
            for difference in _differences(function, places):
                made = Instruction(_MOVE32, destination=difference.destination, source=difference.destination)
                function.instructions.insert(function.instructions.index(difference) + 1, made)


def _differences(function: Function, places: tuple[int, ...]) -> list[Instruction]:
    """The subtractions of two addresses of the packet that nothing clears behind."""
    code, found = function.instructions, []
    for index, held in _addresses(function, places).items():
        instruction = code[index]
        register = instruction.destination
        if instruction.opcode == _SUBTRACT32 and {register, instruction.source} <= held:
            following = code[index + 1]
            if (following.opcode, following.destination, following.source) != (_MOVE32, register, register):
                found.append(instruction)
    return found


def _addresses(function: Function, places: tuple[int, ...]) -> dict[int, set[int]]:
    """The registers and stack words that may have an address of the packet, before each instruction."""
    following = successors(function)
    context = contexts.states(function, {1: START}, _SIZE)
    found: dict[int, set[int]] = {0: set()}
    waiting = [0]
    while waiting:
        index = waiting.pop()
        instruction, held = function.instructions[index], set(found[index])
        opcode, source = instruction.opcode, instruction.source
        is_address = (
            (
                opcode == _LOAD32
                and instruction.offset in places
                and context.get(index, {}).get(source) == START
            )
            or (opcode == MOV64 and not instruction.offset and source in held)
            or (opcode == LOAD64 and source == FRAME and instruction.offset in held)
        )
        if opcode == STORE64 and instruction.destination == FRAME:
            (held.add if source in held else held.discard)(instruction.offset)
        held -= registers.writes(instruction)
        if is_address:
            held.add(instruction.destination)
        for target in {*following[index]}:
            if target not in found or not held <= found[target]:
                found[target] = found.get(target, set()) | held
                waiting.append(target)
    return found
