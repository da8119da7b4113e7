"""`-x` as `(x ^ -1) + 1`: of a negation the verifier knows no result, and of these two it does.

LLVM negates a bool to choose between 0 and -1, which is how a hook of LSM says EPERM. Without the pass
Linux 6.12 refuses that program: "R0 has unknown scalar value should have been in [-4095, 0]".
"""

from __future__ import annotations

from pyzbpf.finish.code import Instruction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit

# BPF_NEG of 64 and 32 bits -> BPF_XOR and BPF_ADD with an immediate.
_INSTEAD = {0x87: (0xA7, 0x07), 0x84: (0xA4, 0x04)}


def run(unit: Unit) -> None:
    for function in unit.code.functions:
        for negation in [found for found in function.instructions if found.opcode in _INSTEAD]:
            inverted, increment = _INSTEAD[negation.opcode]
            made = [
                Instruction(inverted, destination=negation.destination, immediate=-1),
                Instruction(increment, destination=negation.destination, immediate=1),
            ]
            made[0].marks = negation.marks
            for instruction in made:
                instruction.calls = negation.calls
            function.replace(negation, made)
