"""An overflow check is one jump, where nothing else depends on the bit."""

from __future__ import annotations

import pytest

from pyzbpf.finish.analysis.branches import opposite, speaks_v2
from pyzbpf.finish.code import Core, Mark
from pyzbpf.finish.passes import overflow_bits
from pyzbpf.insn.instruction import CALL, EXIT, JA
from tests.support.functions import Part, function, op, shown, trap, unit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def check(width: int = 0xB4, test: int = 0x56, decider: int = 0xAD) -> list[Part]:
    """r2 = 1; if r1 < r3 goto 3; r2 = 0; 3: if r2 != 1 goto 5; trap; 5: r0 = 7; exit"""
    return [
        op(width, 2, 0, 1), (op(decider, 1, 3), 3), op(width, 2, 0, 0), (op(test, 2, 0, 1), 5), trap(),
        op(0xB7, 0, 0, 7), op(EXIT),
    ]  # fmt: skip


@pytest.mark.parametrize(("width", "test"), [(0xB4, 0x56), (0xB7, 0x55)])
def test_an_overflow_check_is_one_jump(width: int, test: int) -> None:
    code = function(*check(width, test))
    overflow_bits.run(unit(code))
    assert shown(code) == [(0x3D, 1, 3, 0, 2), (CALL, 0, 1, -1), (0xB7, 0, 0, 7), (EXIT, 0, 0, 0)]
    # The line of what is gone counts for what follows it, unless that has its own.
    assert [i.line and i.line.position >> 10 for i in code.instructions] == [3, 4, 5, 6]


def test_the_bit_may_be_masked_and_joined_by_a_jump() -> None:
    """r2 = 1; if r1 == 0 goto 4; r2 = 0; goto 4; 4: r0 = 2; r2 &= 1; if r2 != 0 goto 8; exit; 8: trap"""
    code = function(
        op(0xB4, 2, 0, 1), (op(0x15, 1), 4), op(0xB4, 2), (op(JA), 4), op(0xB4, 0, 0, 2), op(0x54, 2, 0, 1),
        (op(0x56, 2), 8), op(EXIT), trap(),
    )  # fmt: skip
    overflow_bits.run(unit(code))
    assert shown(code) == [
        (JA, 0, 0, 0, 1), (0xB4, 0, 0, 2), (0x15, 1, 0, 0, 4), (EXIT, 0, 0, 0), (CALL, 0, 1, -1),
    ]  # fmt: skip


def test_what_a_panic_says_is_no_register() -> None:
    code = function(*check())
    code.instructions[4].marks.append(Mark("message", "r2 is too large"))
    overflow_bits.run(unit(code))
    assert len(code.instructions) == 4


def used_later(code: list[Part]) -> None:
    code[5] = op(0xBF, 0, 2)


def used_by_the_trap(code: list[Part]) -> None:
    code[4] = trap("outOfBounds r2 r3")


def decided_by_itself(code: list[Part]) -> None:
    code[1] = op(0xAD, 2, 3), 3


def another_number(code: list[Part]) -> None:
    code[0] = op(0xB4, 2, 0, 3)


def the_same_number(code: list[Part]) -> None:
    code[2] = op(0xB4, 2, 0, 1)


def another_register(code: list[Part]) -> None:
    code[2] = op(0xB4, 4, 0, 0)


def a_loader_sets_it(code: list[Part]) -> None:
    code[2] = op(0xB4, 2)
    code[2].core = Core(1, "0", 2)


def condition_overwritten(code: list[Part]) -> None:
    code[3:3] = [op(0xB7, 3, 0, 9)]
    code[4] = op(0x56, 2, 0, 1), 6


def changed_otherwise(code: list[Part]) -> None:
    code[3:3] = [op(0x07, 2, 0, 1)]
    code[4] = op(0x56, 2, 0, 1), 6


def joined_from_elsewhere(code: list[Part]) -> None:
    code[5:5] = [(op(0x15, 1), 3)]
    code[3] = op(0x56, 2, 0, 1), 5


def second_number_jumped_to(code: list[Part]) -> None:
    code[5:5] = [(op(0x15, 1), 2)]
    code[3] = op(0x56, 2, 0, 1), 5


def behind_a_call(code: list[Part]) -> None:
    code[3:3] = [op(CALL, 0, 0, 5)]
    code[4] = op(0x56, 2, 0, 1), 6


def no_opposite(code: list[Part]) -> None:
    code[1] = op(0x45, 1, 0, 4), 3


def no_trap(code: list[Part]) -> None:
    code[4] = op(0xB7, 0, 0, 1)


@pytest.mark.parametrize(
    "change",
    [
        used_later, used_by_the_trap, decided_by_itself, another_number, the_same_number, another_register,
        a_loader_sets_it, condition_overwritten, changed_otherwise, joined_from_elsewhere, second_number_jumped_to,
        behind_a_call, no_opposite, no_trap,
    ],
)  # fmt: skip
def test_a_bit_that_more_depends_on_stays(change: Callable[[list[Part]], None]) -> None:
    code = check()
    change(code)
    made = function(*code)
    before = shown(made)
    overflow_bits.run(unit(made))
    assert shown(made) == before


def test_no_comparison_that_the_cpu_has_not() -> None:
    """With the instructions of v1 only, `>` has no opposite; `==` has."""
    above = function(*check(0xB7, 0x55, 0x2D))
    equal = function(*check(0xB7, 0x55, 0x1D))
    whole = unit(above, equal)
    assert not speaks_v2(whole.code)
    overflow_bits.run(whole)
    assert (len(above.instructions), len(equal.instructions)) == (7, 4)
    above.instructions[5].opcode = 0xB4  # 32-bit arithmetic: v3
    overflow_bits.run(whole)
    assert len(above.instructions) == 4 and above.instructions[0].opcode == 0xBD


@pytest.mark.parametrize(
    "opcode", [0x15, 0x1D, 0x25, 0x35, 0x55, 0x65, 0x75, 0xA5, 0xB5, 0xC5, 0xD5, 0x16, 0xDE]
)
def test_opposites_go_both_ways(opcode: int) -> None:
    other = opposite(op(opcode), v2=True)
    assert other is not None and other != opcode and opposite(op(other), v2=True) == opcode
    assert opposite(op(0x45), v2=True) is None
