"""Each safety check has a trap of its own, which carries the SDK's mark.

The mark is a piece of assembly in front of the trap, a jump to nowhere, which LLVM keeps apart; the trap
call itself it may share between several checks, and with an author's `@trap()`. The jump becomes the trap
of the check.
"""

from __future__ import annotations

from pyzbpf.elf import image as elf
from pyzbpf.finish.analysis.flow import TRAP, is_trap
from pyzbpf.finish.analysis.roles import is_marked
from pyzbpf.finish.code import Instruction
from pyzbpf.insn.instruction import CALL, CALL_FUNCTION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.elf.image import Symbol
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    for function in unit.code.functions:
        for instruction in list(function.instructions):
            if is_marked(instruction) and not is_trap(instruction):
                trap = new_trap(unit)
                trap.marks, trap.calls = instruction.marks, instruction.calls
                function.replace(instruction, [trap])


def new_trap(unit: Unit) -> Instruction:
    """A trap as LLVM writes it."""
    trap = Instruction(CALL, source=CALL_FUNCTION, immediate=-1)
    trap.symbol, trap.relocation_type = _symbol(unit), elf.R_BPF_64_32
    return trap


def _symbol(unit: Unit) -> Symbol:
    for symbol in unit.image.symbols:
        if symbol.name == TRAP:
            return symbol
    made = elf.Symbol(TRAP, section=None)
    unit.image.symbols.append(made)
    return made
