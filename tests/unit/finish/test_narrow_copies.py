"""A number of few bits is narrowed once and then copied."""

from __future__ import annotations

import pytest

from pyzbpf.finish.code import Instruction
from pyzbpf.finish.passes import narrow_copies
from pyzbpf.insn.instruction import EXIT
from tests.support.functions import Part, function, op, shown, unit


def twice(mask: int = 255, again: int = 255) -> list[Part]:
    """If r3 == 0 goto 2; r2 = r1; r2 &= 255; w1 &= 255; r0 = r2; exit"""
    return [
        (op(0x15, 3), 1), op(0xBF, 2, 1), op(0x57, 2, 0, mask), op(0x54, 1, 0, again), op(0xBF, 0, 2), op(EXIT),
    ]  # fmt: skip


def test_a_number_is_narrowed_once() -> None:
    code = function(*twice())
    narrow_copies.run(unit(code))
    assert shown(code) == [
        (0x15, 3, 0, 0, 1), (0x54, 1, 0, 255), (0xBF, 2, 1, 0), (0xBF, 0, 2, 0), (EXIT, 0, 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("index", "part"),
    [
        (0, (op(0x15, 3), 2)),  # the copy may be left out
        (0, (op(0x15, 3), 3)),
        (1, Instruction(0xBF, destination=2, source=1, offset=8)),  # extends the sign
        (1, op(0xBF, 1, 1)),
        (1, op(0xBF, 2, 4)),
        (1, op(0x0F, 2, 1)),
        (2, op(0x57, 2, 0, 65535)),
        (2, op(0x47, 2, 0, 255)),
        (3, op(0x54, 4, 0, 255)),
        (3, op(0x5F, 1, 3)),
    ],
)
def test_what_is_narrowed_otherwise_stays(index: int, part: Part) -> None:
    code = twice()
    code[index] = part
    made = function(*code)
    before = shown(made)
    narrow_copies.run(unit(made))
    assert shown(made) == before


def test_a_mask_with_the_upper_half_stays() -> None:
    for zig, mask in ((True, -256), (False, 255)):
        made = function(*twice(mask, mask))
        before = shown(made)
        narrow_copies.run(unit(made, zig=zig))
        assert shown(made) == before
