"""A pointer that is used further than its index was checked for is made again behind the second check."""

from __future__ import annotations

from pyzbpf.elf import image as elf
from pyzbpf.finish.code import Instruction
from pyzbpf.finish.passes import checked_pointers
from pyzbpf.insn.instruction import EXIT, LD_IMM64
from tests.support.functions import Part, function, op, shown, trap, unit

TABLE = elf.Symbol("t", section=None)


def address(register: int) -> Instruction:
    made = op(LD_IMM64, register)
    made.symbol, made.relocation_type = TABLE, elf.R_BPF_64_64
    return made


def use(offset: int, *, result: int = 0) -> Instruction:
    """r0 = *(u64 *)(r1 + offset)"""
    made = op(0x79, result, 1)
    made.offset = offset
    return made


def finished(*code: Part) -> list[tuple[int, ...]]:
    made = function(*code)
    checked_pointers.run(unit(made))
    once = shown(made)
    checked_pointers.run(unit(made))
    assert shown(made) == once
    return once


# if r2 > 15 goto trap; r3 = r2; r3 <<= 3; r1 = t; r1 += r3; r0 = *(u64 *)(r1 + 0)
def point(ending: int) -> tuple[Part, ...]:
    return (
        (op(0x25, 2, 0, 15), ending),
        op(0xBF, 3, 2),
        op(0x67, 3, 0, 3),
        address(1),
        op(0x0F, 1, 3),
        use(0),
    )


def test_it_is_made_again_and_the_check_is_one_that_all_kernels_understand() -> None:
    found = finished(*point(9), (op(0x15, 2, 0, 15), 9), use(8), op(EXIT), trap())
    assert found[6:12] == [
        (0x25, 2, 0, 14, 13), (LD_IMM64, 1, 0, 0), (0xBF, 3, 2, 0), (0x67, 3, 0, 3), (0x0F, 1, 3, 0), (0x79, 0, 1, 0),
    ]  # fmt: skip


def test_what_is_not_needed_is_not_made() -> None:
    nothing = [
        (*point(9), (op(0x15, 2, 0, 15), 9), use(0), op(EXIT), trap()),  # not further than before
        (*point(9), (op(0x25, 2, 0, 30), 9), use(8), op(EXIT), trap()),  # the check tells nothing
        (*point(10), op(0xB7, 2, 0, 3), (op(0x15, 2, 0, 15), 10), use(8), op(EXIT), trap()),  # another index
        (*point(10), (op(0x15, 2, 0, 15), 10), use(8), op(0x0F, 0, 3), op(EXIT), trap()),  # r3 is wanted
        (*point(9), (op(0x15, 2, 0, 15), 9), use(8), op(EXIT), trap("outOfBounds r3 r2")),
    ]
    for code in nothing[:4]:
        made = function(*code)
        before = shown(made)
        checked_pointers.run(unit(made))
        assert shown(made) == before
    made = function(*nothing[4])
    before = shown(made)
    checked_pointers.run(unit(made, zig=False))
    assert shown(made) == before


def test_where_two_ways_meet_it_stays() -> None:
    # if r4 == 0 goto the use, past the check
    made = function(
        *point(10), (op(0x15, 4, 0, 0), 8), (op(0x15, 2, 0, 15), 10), use(8), op(EXIT), trap()
    )  # fmt: skip
    before = shown(made)
    checked_pointers.run(unit(made))
    assert shown(made) == before
