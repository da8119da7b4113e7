"""Counters in loops that are checked for overflow, and how to look without telling the verifier.

A test of a number that the verifier knows makes it tell states apart by that number: a counter in a loop has
another one in each round, and with branches beside it the ways through the loop are too many ("BPF program is
too large", "too complex"). Of the counter plus a zero in memory, which is to the verifier any number, the test
says as much.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

from pyzbpf.elf import image as elf
from pyzbpf.finish.analysis import registers
from pyzbpf.finish.analysis.flow import successors, walk
from pyzbpf.finish.analysis.liveness import is_live
from pyzbpf.finish.analysis.registers import ADD64_IMMEDIATE, EQUAL_ZERO, FRAME, LOAD64, NOT_ZERO
from pyzbpf.finish.code import Instruction
from pyzbpf.insn.instruction import JA, LD_IMM64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from pyzbpf.elf.image import Symbol
    from pyzbpf.finish.code import Function

_ADD32_IMMEDIATE, _EQUAL_ZERO_32, _NOT_ZERO_32 = 0x04, 0x16, 0x56
_ADD64, _ADD32 = 0x0F, 0x0C
# By the test: the opposite one, and the addition of the same width.
_WIDTHS = {EQUAL_ZERO: (NOT_ZERO, _ADD64), _EQUAL_ZERO_32: (_NOT_ZERO_32, _ADD32)}
# By the test that jumps over the trap behind it: the addition.
_OVER = dict(_WIDTHS.values())


class Counter(NamedTuple):
    """A test for zero behind the addition of a number, and a register that is free there."""

    test: Instruction
    free: int


def of_trap(
    function: Function, trap: Instruction, *, called_back: bool, kept: Collection[int]
) -> list[Counter]:
    """The tests of counters that lead to a trap, where their rounds come again: in a loop, or in a function that the
    kernel calls back. ``kept`` are registers that are wanted at the trap.
    """
    code = function.instructions
    tests = [i for i in code if i.target is trap and i.opcode in _WIDTHS and not i.immediate]
    before = code[max(code.index(trap) - 1, 0)]
    if before.opcode in _OVER and not before.immediate and before.target is not trap:
        tests.append(before)
    if not tests:
        return []
    following = successors(function)
    found = []
    for test in tests:
        place = code.index(test)
        if not _is_counted(code, place) or not (called_back or place in walk(following, following[place])):
            continue
        taken = {test.destination, *kept}
        free = (
            r
            for r in range(FRAME)
            if r not in taken and not is_live(function, following, r, following[place])
        )
        found += [Counter(test, register) for register in itertools.islice(free, 1)]
    return found


def _is_counted(code: list[Instruction], place: int) -> bool:
    """Whether what is tested at a place is a sum with a number."""
    register = code[place].destination
    for instruction in reversed(code[:place]):
        if register in registers.writes(instruction):
            return instruction.opcode in (ADD64_IMMEDIATE, _ADD32_IMMEDIATE)
        if instruction.is_jump:
            return False
    return False


def hide(function: Function, counter: Counter, zero: Symbol, offset: int) -> None:
    """Let the test be of the counter plus the zero at ``offset`` from a symbol.

    The way to the trap goes straight on, and the other one jumps: so the verifier is done with the trap before it
    goes on, and does not collect one for each round.
    """
    test, free = counter
    trap = test.target
    opposite, add = _WIDTHS.get(test.opcode) or (test.opcode, _OVER[test.opcode])
    address = Instruction(LD_IMM64, destination=free, immediate=offset)
    address.symbol, address.relocation_type = zero, elf.R_BPF_64_64
    load = Instruction(LOAD64, destination=free, source=free)
    function.insert(test, [address, load, Instruction(add, destination=free, source=test.destination)])
    if test.opcode == opposite:
        test.destination = free
        return
    leave = Instruction(JA)
    leave.target = trap
    at = function.instructions.index(test) + 1
    test.opcode, test.destination, test.target = opposite, free, function.instructions[at]
    function.instructions.insert(at, leave)
