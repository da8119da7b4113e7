"""Room in a function's stack frame for what the finisher keeps there."""

from __future__ import annotations

from pyzbpf.finish.analysis import registers
from pyzbpf.finish.analysis.registers import ADD64_IMMEDIATE, FRAME, LDX, MOV64, ST, STX
from pyzbpf.finish.analysis.roles import fault
from pyzbpf.finish.code import Instruction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Function
    from pyzbpf.finish.unit import Unit

_LARGEST = 512  # bytes of stack, MAX_BPF_STACK


def make_room(unit: Unit, function: Function, size: int) -> None:
    """Move the whole frame down by ``size`` bytes: those just below r10 are free then.

    Every address in the frame is made from r10, so that moving all uses of it moves the frame, however
    the address goes on from there. (To look for room below the frame would mean to know where it ends,
    and a loop that runs downward never names its end.)
    """
    targets = {instruction.target for instruction in function.instructions}
    for instruction in list(function.instructions):
        if FRAME not in registers.reads(instruction):
            continue
        if _is_access(instruction):
            instruction.offset -= size
            lowest = instruction.offset
        elif instruction.opcode == MOV64 and instruction.source == FRAME:
            lowest = _move_address(function, instruction, size, targets)
        else:
            raise fault(unit, function, instruction, "uses the frame pointer in an unknown way",
                        "do without @frameAddress() and inline assembly that uses r10")  # fmt: skip
        if lowest < -_LARGEST:
            raise _too_large(unit, function, instruction)


def _is_access(instruction: Instruction) -> bool:
    """A load or store whose address, and nothing else, is r10 plus a constant."""
    group = instruction.opcode & 7
    if group == LDX:
        return True
    return group == ST or (group == STX and instruction.destination == FRAME != instruction.source)


def _move_address(function: Function, copy: Instruction, size: int, targets: set[Instruction | None]) -> int:
    """Let ``copy = r10`` mean the moved frame; returns the address it is the start of."""
    after = function.instructions.index(copy) + 1
    follower = function.instructions[after] if after < len(function.instructions) else None
    if (
        follower is not None
        and follower.opcode == ADD64_IMMEDIATE
        and follower.destination == copy.destination
        and follower not in targets
    ):
        follower.immediate -= size
        return follower.immediate
    function.instructions.insert(
        after, Instruction(ADD64_IMMEDIATE, destination=copy.destination, immediate=-size)
    )
    return -size


def _too_large(unit: Unit, function: Function, instruction: Instruction) -> Exception:
    return fault(
        unit,
        function,
        instruction,
        f"the build needs some bytes of stack in '{function.symbol.name}', and its frame is full (512 bytes)",
        "keep large buffers in a per-CPU array map or a global variable",
    )
