"""Sums in loops that are checked for overflow, and how to look without telling the verifier.

A test of a number that the verifier knows makes it tell states apart by that number: a counter in a loop has
another one in each round, and with branches beside it the ways through the loop are too many ("BPF program is
too large", "too complex"). Of the sum plus a zero in memory, which is to the verifier any number, the test
says as much.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

from pyzbpf.elf import image as elf
from pyzbpf.finish.analysis import effects, registers
from pyzbpf.finish.analysis.branches import is_conditional, opposite
from pyzbpf.finish.analysis.flow import successors, walk
from pyzbpf.finish.analysis.liveness import is_live
from pyzbpf.finish.analysis.registers import ADD64_IMMEDIATE, ALU, EQUAL_ZERO, FRAME, JMP32, LOAD64, MOV64
from pyzbpf.finish.code import Instruction
from pyzbpf.insn.instruction import JA, LD_IMM64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from pyzbpf.elf.image import Symbol
    from pyzbpf.finish.code import Function

_ADDITIONS = (ADD64_IMMEDIATE, 0x04, 0x0F, 0x0C)  # rX += number or register, of 64 and of 32 bits
_MOVES = (MOV64, 0xBC)
_GREATER = 0x25  # if rX > number
_BY_REGISTER = 0x08


class _Width(NamedTuple):
    """Opcodes of one width: rX += rY, rX &= number, rX >>= number, if rX == 0."""

    add: int
    mask: int
    shift: int
    is_zero: int


_WIDTHS = {True: _Width(0x0C, 0x54, 0x74, 0x16), False: _Width(0x0F, 0x57, 0x77, EQUAL_ZERO)}  # by: 32 bits
_TESTS_ZERO = (0x15, 0x55, 0x16, 0x56)
_TESTS_EQUALITY = (0x1D, 0x5D, 0x1E, 0x5E)  # of two registers


class Counter(NamedTuple):
    """A test of a sum, and a register that is free there.

    ``opcode`` is that of the jump that goes on where all is well, ``to_trap`` whether the test itself jumps to the
    trap, or has it behind itself. A sum of less than 32 bits is compared with itself under ``mask``; ``useless`` are
    instructions that nobody needs when the test is hidden.
    """

    test: Instruction
    sum: int
    free: int
    opcode: int
    to_trap: bool
    mask: int
    useless: tuple[Instruction, ...]


class _Sum(NamedTuple):
    """The register of a sum; of a narrow one the register of its copy under ``mask`` (-1: none), what makes the copy,
    and other tests of the same.
    """

    register: int
    copy: int = -1
    mask: int = 0
    copying: tuple[Instruction, ...] = ()
    others: tuple[Instruction, ...] = ()


def of_trap(
    function: Function, trap: Instruction, *, called_back: bool, kept: Collection[int], v2: bool
) -> list[Counter]:
    """The tests of sums that lead to a trap, where their rounds come again: in a loop, or in a function that the
    kernel calls back. ``kept`` are registers that are wanted at the trap; ``v2`` tells whether the program may
    have the comparisons of cpu v2.
    """
    code = function.instructions
    tests = [
        place
        for place, (test, behind) in enumerate(itertools.pairwise(code))
        if is_conditional(test) and trap in (test.target, behind)
    ]
    following = successors(function) if tests else []
    found = []
    for place in tests:
        test = code[place]
        to_trap = test.target is trap
        opcode = opposite(test, v2=v2) if to_trap else test.opcode
        if opcode is None or not (called_back or place in walk(following, following[place])):
            continue
        tested = _sum(function, place, trap)
        if tested is None:
            continue
        taken = {*kept, tested.register, *(registers.reads(test) - {tested.copy})}
        # The copy first: where it is free, what makes it is useless.
        free = [
            register
            for register in dict.fromkeys((tested.copy, *range(FRAME)))
            if register >= 0
            and register not in taken
            and not is_live(function, following, register, following[place])
        ]
        if free:
            useless = tested.others + (tested.copying if free[0] == tested.copy else ())
            found.append(Counter(test, tested.register, free[0], opcode, to_trap, tested.mask, useless))
    return found


def _sum(function: Function, place: int, trap: Instruction) -> _Sum | None:
    """The sum that the test at a place looks at; None: it is of something else."""
    code = function.instructions
    test = code[place]
    if test.opcode in _TESTS_EQUALITY:
        return _narrow_sum(function, place, trap)
    if not test.opcode & _BY_REGISTER and not (test.opcode in _TESTS_ZERO and not test.immediate):
        return None
    added = _addition(code, place, registers.reads(test))
    return _Sum(added.destination) if added is not None else None


def _addition(code: list[Instruction], place: int, sought: Collection[int]) -> Instruction | None:
    """What makes the one of some registers that is written last before a place, if it is an addition."""
    for instruction in reversed(code[:place]):
        if registers.writes(instruction).intersection(sought):
            return instruction if instruction.opcode in _ADDITIONS else None
        if instruction.is_jump:
            return None
    return None


def _narrow_sum(function: Function, place: int, trap: Instruction) -> _Sum | None:
    """The sum of `rX += …; rY = rX; rY &= mask; [if rX > mask goto trap;] if rY != rX goto trap`."""
    code = function.instructions
    test = code[place]
    start = place
    while start and code[start - 1].opcode == _GREATER and code[start - 1].target is trap:
        start -= 1
    if start < 2:
        return None
    move, masking = copying = tuple(code[start - 2 : start])
    register, copy, mask = move.source, move.destination, masking.immediate
    added = _addition(code, start - 2, (register,))
    others = tuple(code[start:place])
    of_32_bits = test.opcode & 7 == JMP32
    reached = {instruction.target for instruction in code}
    if (
        move.opcode in _MOVES
        and all(map(effects.is_plain, copying))
        and (masking.opcode, masking.destination) == (_WIDTHS[of_32_bits].mask, copy)
        and {copy, register} == registers.reads(test)
        and mask > 0
        and not mask & (mask + 1)  # all the lower bits
        and all((other.destination, other.immediate) == (register, mask) for other in others)
        and not reached.intersection((masking, *others, test))
        and added is not None
        and (added.opcode & 7 == ALU) == of_32_bits  # of a sum of 64 bits the mask would take more
    ):
        return _Sum(register, copy, mask, copying, others)
    return None


def hide(function: Function, counter: Counter, zero: Symbol, offset: int) -> None:
    """Let the test be of the sum plus the zero at ``offset`` from a symbol.

    The way to the trap goes straight on, and the other one jumps: so the verifier is done with the trap before it
    goes on, and does not collect one for each round.
    """
    test, free = counter.test, counter.free
    width = _WIDTHS[test.opcode & 7 == JMP32]
    address = Instruction(LD_IMM64, destination=free, immediate=offset)
    address.symbol, address.relocation_type = zero, elf.R_BPF_64_64
    made = [
        address,
        Instruction(LOAD64, destination=free, source=free),
        Instruction(width.add, destination=free, source=counter.sum),
    ]
    if counter.mask:  # that the sum fits is said to the verifier without a test
        made += [
            Instruction(width.mask, destination=counter.sum, immediate=counter.mask),
            Instruction(width.shift, destination=free, immediate=counter.mask.bit_length()),
        ]
    function.insert(test, made)
    function.remove(counter.useless)
    if counter.mask:
        test.opcode, test.destination, test.source = width.is_zero, free, 0
    else:
        test.opcode = counter.opcode
        if test.destination == counter.sum:
            test.destination = free
        elif test.opcode & _BY_REGISTER:
            test.source = free
    if counter.to_trap:
        leave = Instruction(JA)
        leave.target = test.target
        at = function.instructions.index(test) + 1
        test.target = function.instructions[at]
        function.instructions.insert(at, leave)
