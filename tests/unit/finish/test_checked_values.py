"""What is checked is what is used: copies, comparisons of the other register, comparisons that are added."""

from __future__ import annotations

import random

import pytest

from pyzbpf.finish.code import Function, Instruction
from pyzbpf.finish.passes import checked_values
from pyzbpf.insn.instruction import EXIT, JA
from tests.support.functions import Part, function, op, run, shown, trap, unit

# w2 = w1, r3 += r2, r0 = *(u8 *)(r3 + 0)
COPY, POINT, LOAD = op(0xBC, 2, 1), op(0x0F, 3, 2), op(0x71, 0, 3)


def finished(*code: Part) -> list[tuple[int, ...]]:
    made = function(*code)
    checked_values.run(unit(made))
    once = shown(made)
    checked_values.run(unit(made))
    assert shown(made) == once
    return once


def rest(*more: Part) -> tuple[Part, ...]:
    """The address is used; then a trap."""
    return (*more, op(0x0F, 3, 2), op(0x71, 0, 3), op(EXIT), trap())


def test_the_register_that_is_used_is_compared() -> None:
    # w2 = w1; if w1 >= 16 goto trap
    assert finished(op(0xBC, 2, 1), (op(0x36, 1, 0, 16), 5), *rest())[:2] == [
        (0xBC, 2, 1, 0), (0x25, 2, 0, 15, 5),
    ]  # fmt: skip


def test_upper_bits_that_are_zero() -> None:
    # r2 = r1; r2 &= 255; r1 &= 240; if r1 != 0 goto trap
    found = finished(
        op(0xBF, 2, 1), op(0x57, 2, 0, 255), op(0x57, 1, 0, 240), (op(0x55, 1, 0, 0), 7), *rest()
    )  # fmt: skip
    assert found[:3] == [(0xBF, 2, 1, 0), (0x57, 2, 0, 255), (0x25, 2, 0, 15, 6)]


def test_what_is_there_already_is_copied() -> None:
    # r2 = r1; r2 &= 65535; r1 &= 65535; if r1 > 15 goto trap
    found = finished(
        op(0xBF, 2, 1), op(0x57, 2, 0, 65535), op(0x54, 1, 0, 65535), (op(0x25, 1, 0, 15), 7), *rest()
    )  # fmt: skip
    assert found[:4] == [(0xBF, 2, 1, 0), (0x57, 2, 0, 65535), (0xBF, 1, 2, 0), (0x25, 1, 0, 15, 7)]


def test_a_number_that_is_narrow_stays() -> None:
    found = finished(op(0x57, 2, 0, 255), (op(0x25, 2, 0, 15), 6), op(0x54, 2, 0, 65535), *rest())
    assert found[:3] == [(0x57, 2, 0, 255), (0x25, 2, 0, 15, 5), (0x0F, 3, 2, 0)]


def test_what_is_narrowed_behind_the_comparison() -> None:
    # w4 = w1; w4 &= 255; r2 = r1; if r4 > 9 goto trap; r4 = 0; r2 &= 255
    found = finished(
        op(0xBC, 4, 1), op(0x54, 4, 0, 255), op(0xBF, 2, 1), (op(0x25, 4, 0, 9), 9), op(0xB7, 4, 0, 0),
        op(0x57, 2, 0, 255), *rest(),
    )  # fmt: skip
    assert (0xBF, 2, 4, 0) in found[: next(n for n, i in enumerate(found) if i[0] == 0x25)]


def test_a_comparison_is_added() -> None:
    """r2 is the larger of w1 and 2; w1 is compared, too."""
    found = finished(
        op(0xBC, 2, 1), (op(0x26, 1, 0, 2), 3), op(0xB4, 2, 0, 2), (op(0x36, 1, 0, 16), 7), *rest()
    )  # fmt: skip
    assert found[3:5] == [(0x25, 2, 0, 15, 8), (0x36, 1, 0, 16, 8)]


@pytest.mark.parametrize(
    "code",
    [
        (op(0xBF, 2, 1), (op(0x25, 1, 0, 15), 5)),  # a copy is a copy
        (op(0x57, 2, 0, 255), (op(0x25, 2, 0, 15), 5)),  # what is compared is used
        (op(0xBC, 2, 4), (op(0x36, 1, 0, 16), 5)),  # something else is compared
    ],
)
def test_what_needs_nothing_stays(code: tuple[Part, ...]) -> None:
    made = function(*code, *rest())
    before = shown(made)
    checked_values.run(unit(made))
    assert shown(made) == before


def test_objects_of_other_compilers_stay() -> None:
    made = function(op(0xBC, 2, 1), (op(0x36, 1, 0, 16), 5), *rest())
    before = shown(made)
    checked_values.run(unit(made, zig=False))
    assert shown(made) == before


INTERESTING = (0, 1, 2, 9, 15, 16, 127, 128, 200, 255, 256, 65535, 65536, (1 << 31) - 1, 1 << 31,
               (1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 10, (1 << 64) - 1)  # fmt: skip


def invented(rnd: random.Random) -> Function:
    """Numbers narrowed in all ways, compared and used, with loops; each register may become an address."""
    code: list[Instruction] = []
    jumps: dict[int, int] = {}

    def add(opcode: int, destination: int = 0, source: int = 0, imm: int = 0, offset: int = 0) -> None:
        code.append(Instruction(opcode, destination=destination, source=source, immediate=imm, offset=offset))

    def register() -> int:
        return rnd.choice((1, 1, 2, 2, 3, 4))

    while len(code) < 30:
        kind, one, other = rnd.randrange(14), register(), register()
        if kind < 2:
            add(rnd.choice((0xBF, 0xBC)), one, other, offset=rnd.choice((0, 0, 0, 8, 16)))
        elif kind < 4:
            add(rnd.choice((0x57, 0x54)), one, 0, rnd.choice((15, 127, 240, 255, 255, 65535, 65535, -16)))
        elif kind < 5:
            by = rnd.choice((24, 32, 48, 56))
            add(0x67, one, 0, by)
            add(rnd.choice((0x77, 0xC7)), one, 0, rnd.choice((by, by, by - 3)))
        elif kind < 6:
            add(0x64, one, 0, 24)
            add(rnd.choice((0x74, 0xC4)), one, 0, 24)
        elif kind < 7:
            add(rnd.choice((0x07, 0x04)), one, 0, rnd.choice((1, -1, -10, 3)))
        elif kind < 8:
            add(rnd.choice((0x67, 0x77, 0x64, 0x27, 0xB7, 0xB4)), one, 0, rnd.choice((1, 2, 3, 9)))
        elif kind < 12:
            relation = rnd.choice((0x10, 0x20, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xA0, 0xB0, 0xC0, 0xD0))
            width = rnd.choice((5, 6))
            number = rnd.choice((0, 0, 2, 9, 15, 16, 247, -1, 8))
            backward = rnd.random() < 0.15 and len(code) > 3
            jumps[len(code)] = (
                len(code) - rnd.randrange(1, 4) if backward else len(code) + rnd.randrange(1, 9)
            )
            if rnd.random() < 0.15:
                add(relation | width | 8, one, other)
            else:
                add(relation | width, one, 0, number)
        elif kind < 13:
            offset = rnd.choice((-8, -16))
            if rnd.random() < 0.5:
                add(0x7B, 10, one, 0, offset)
            else:
                add(0x79, one, 10, 0, offset)
        elif rnd.random() < 0.5:
            jumps[len(code)] = len(code) + rnd.randrange(1, 6)
            add(JA)
        else:
            code.append(trap("outOfBounds r1 r2"))
    result = len(code)
    for register_ in (1, 2, 3, 4):
        add(0x27, 0, 0, 31)
        add(0x0F, 0, register_)
    add(EXIT)
    return function(*[(i, min(jumps[n], result)) if n in jumps else i for n, i in enumerate(code)])


@pytest.mark.parametrize("seed", range(6))
def test_random_functions_do_what_they_did(seed: int) -> None:
    rnd = random.Random(seed)
    changed = 0
    for _ in range(40):
        code = invented(rnd)
        inputs = [[0, *(rnd.choice(INTERESTING) for _ in range(9))] for _ in range(25)]
        expected = [run(code, given) for given in inputs]
        before = shown(code)
        checked_values.run(unit(code))
        after = shown(code)
        for given, wanted in zip(inputs, expected, strict=True):
            found = run(code, given)
            assert "endless" in (found[0], wanted[0]) or found == wanted, (given, before, after)
        checked_values.run(unit(code))
        assert shown(code) == after, (before, after)
        changed += after != before
    assert changed > 8
