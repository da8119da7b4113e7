"""The author's `trap_verdicts` name programs of this object and values that the kernel takes.

What they say is used where there are traps (`traps.py`); a mistake is one without traps, too.
"""

from __future__ import annotations

from pyzbpf.errors import ObjectError
from pyzbpf.finish import verdicts
from pyzbpf.finish.analysis.roles import is_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    for function in unit.code.functions:
        if verdicts.asked(function) is None:
            continue
        if not is_program(function):
            raise ObjectError(
                "trap_verdicts names a function that is no program",
                file=unit.image.file,
                section=function.section.name,
                symbol=function.symbol.name,
                advice="a failed check in a function that programs call is handed on to the program: name that",
            )
        verdicts.chosen(unit, function)
