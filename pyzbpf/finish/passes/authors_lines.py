"""The author's line for what CO-RE relocates, and for what acquires something.

Its own record names the SDK's function that was inlined, and the last line of the author's before it may be
another statement's: a member that the kernel lacks was reported there. Of a ring-buffer record that is not given
back the verifier says where it was acquired.
"""

from __future__ import annotations

from pyzbpf.finish.analysis.places import Texts, give_line, in_force
from pyzbpf.finish.analysis.roles import FOREIGN_FILES
from pyzbpf.finish.analysis.things import ACQUIRE
from pyzbpf.insn.instruction import CALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.code import Instruction
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    functions = [f for f in unit.code.functions if any(map(_is_asked_for, f.instructions))]
    texts = Texts(unit) if functions else None
    for function in functions:
        counting = in_force(function)
        for index, instruction in enumerate(function.instructions):
            counts = counting[index]
            if not _is_asked_for(instruction) or counts is None or not counts.file.startswith(FOREIGN_FILES):
                continue
            line = texts.of_call(instruction) if texts is not None else None
            if line is not None:
                give_line(function, index, line, counting)


def _is_asked_for(instruction: Instruction) -> bool:
    is_helper = instruction.opcode == CALL and instruction.callee is None and instruction.symbol is None
    return instruction.core is not None or (is_helper and instruction.immediate in ACQUIRE)
