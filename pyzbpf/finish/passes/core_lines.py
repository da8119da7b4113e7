"""The author's line for what CO-RE relocates.

Its own record names the SDK's function that was inlined, and the last line of the author's before it may be
another statement's: a member that the kernel lacks was reported there.
"""

from __future__ import annotations

from pyzbpf.finish.analysis.places import Texts, give_line, in_force
from pyzbpf.finish.analysis.roles import FOREIGN_FILES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    functions = [f for f in unit.code.functions if any(i.core is not None for i in f.instructions)]
    texts = Texts(unit) if functions else None
    for function in functions:
        counting = in_force(function)
        for index, instruction in enumerate(function.instructions):
            counts = counting[index]
            if instruction.core is None or counts is None or not counts.file.startswith(FOREIGN_FILES):
                continue
            line = texts.of_call(instruction) if texts is not None else None
            if line is not None:
                give_line(function, index, line, counting)
