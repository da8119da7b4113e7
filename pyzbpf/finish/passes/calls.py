"""No call that BPF lacks: through a pointer, or of a function that is under way already.

There is nothing to repair. The kernel says "unknown opcode 8d" to the one, and "the call stack of 9
frames is too deep" to the other, however soon it would end.
"""

from __future__ import annotations

from pyzbpf.finish.analysis.roles import fault
from pyzbpf.insn.instruction import CALL, CALL_REGISTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyzbpf.finish.code import Function, Instruction
    from pyzbpf.finish.unit import Unit


def run(unit: Unit) -> None:
    for function, instruction in unit.code.instructions():
        if instruction.opcode == CALL_REGISTER:
            raise fault(
                unit, function, instruction, "calls a function through a pointer, which BPF cannot",
                "let a `switch` choose, with a call by name in each branch; take a function as a `comptime` parameter "
                "where it is known; or use bpf.helpers.tail_call for whole programs",
            )  # fmt: skip
    done: set[Function] = set()
    for function in unit.code.functions:
        _check(unit, function, [], done)


def _check(unit: Unit, function: Function, under_way: list[Function], done: set[Function]) -> None:
    """Follow the calls of a function, which the functions ``under_way`` lead to."""
    if function in done:
        return
    under_way.append(function)
    for call, callee in _calls(function):
        if callee in under_way:
            names = [f"'{other.symbol.name}'" for other in under_way[under_way.index(callee) :]]
            way = f" by way of {', '.join(names[1:])}" if len(names) > 1 else ""
            raise fault(
                unit, function, call, f"{names[0]} calls itself{way}, and BPF has no recursion",
                "write a loop (`for`, `while`, `bpf.loop`) that keeps what is still to do in an array",
            )  # fmt: skip
        _check(unit, callee, under_way, done)
    under_way.pop()
    done.add(function)


def _calls(function: Function) -> Iterator[tuple[Instruction, Function]]:
    for instruction in function.instructions:
        if instruction.opcode == CALL and instruction.callee is not None:
            yield instruction, instruction.callee
