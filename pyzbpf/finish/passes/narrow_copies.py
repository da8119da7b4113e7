"""A number of 8 or 16 bits is narrowed once, and then copied.

Where such a number is computed, checked and used as an index, LLVM narrows it twice, and compares the one
while it uses the other:

    r2 = r1; r2 &= 255; w1 &= 255; if w1 > 63 goto trap; r2 <<= 3

The verifier does not know that they are the same: "R1 max value is outside of the allowed memory range". It
knows it of a copy: `w1 &= 255; r2 = r1`. Objects of other compilers stay as they are.
"""

from __future__ import annotations

from pyzbpf.finish.analysis.registers import MOV64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Function, Instruction
    from pyzbpf.finish.unit import Unit

_COPIES = (MOV64, 0xBC)  # rA = rB, of 64 bits and of 32
_ANDS = (0x57, 0x54)  # rA &= constant


def run(unit: Unit) -> None:
    for function in unit.code.functions if unit.is_from_zig else ():
        function.remove(_narrow_once(function))


def _narrow_once(function: Function) -> set[Instruction]:
    """Turn `copy, narrow, narrow` into `narrow, copy`; the instructions that are left over."""
    code = function.instructions
    targets = {instruction.target for instruction in code}
    useless: set[Instruction] = set()
    for copy, narrow, again in zip(code, code[1:], code[2:], strict=False):
        if _narrows_twice(copy, narrow, again) and not targets & {narrow, again}:
            copy.opcode, copy.immediate = again.opcode, again.immediate
            narrow.opcode, narrow.source, narrow.immediate = MOV64, copy.source, 0
            copy.destination, copy.source = copy.source, 0
            useless.add(again)
    return useless


def _narrows_twice(copy: Instruction, narrow: Instruction, again: Instruction) -> bool:
    """Whether a register is copied, and copy and original keep the same low bits only: a constant that is not
    negative clears the upper half, too, be it with an instruction of 32 bits or of 64.
    """
    return (
        copy.opcode in _COPIES
        and not copy.offset  # no extension of the sign
        and copy.destination != copy.source
        and narrow.opcode in _ANDS
        and again.opcode in _ANDS
        and narrow.immediate == again.immediate >= 0
        and (narrow.destination, again.destination) == (copy.destination, copy.source)
        and not any(i.core or i.marks or i.symbol for i in (copy, narrow, again))
    )
