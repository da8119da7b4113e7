"""Sums in loops are looked at without telling the verifier which number they are."""

from __future__ import annotations

import pytest

from pyzbpf.elf import image as elf
from pyzbpf.finish.analysis import counters
from pyzbpf.finish.code import Function
from pyzbpf.insn.instruction import EXIT, JA, LD_IMM64
from tests.support.functions import function, op, shown, trap

ZERO = elf.Symbol(".data.traps", section=None)


def loop(test: int, add: int, *, rounds: bool = True) -> Function:
    """r1 counts until r2 is 0; r0 is read at the end."""
    return function(
        op(add, 1, 0, 1), (op(test, 1, 0, 0), 6), op(0x17, 2, 0, 1),
        (op(0x55, 2, 0, 0), 0 if rounds else 4), op(0xBF, 0, 1), op(EXIT), trap(),
    )  # fmt: skip


def found(code: Function, *, called_back: bool = False, kept: tuple[int, ...] = ()) -> list[counters.Counter]:
    end = next(i for i in code.instructions if i.symbol is not None)
    return counters.of_trap(code, end, called_back=called_back, kept=kept, v2=True)


def hidden(code: Function) -> list[tuple[int, ...]]:
    (counter,) = found(code)
    counters.hide(code, counter, ZERO, 32)
    return shown(code)


@pytest.mark.parametrize(
    ("test", "add", "opposite", "sum_"), [(0x15, 0x07, 0x55, 0x0F), (0x16, 0x04, 0x56, 0x0C)]
)
def test_the_test_is_of_a_sum_with_a_zero_in_memory(test: int, add: int, opposite: int, sum_: int) -> None:
    code = loop(test, add)
    assert hidden(code)[1:6] == [
        (LD_IMM64, 0, 0, 32), (0x79, 0, 0, 0), (sum_, 0, 1, 0), (opposite, 0, 0, 0, 6), (JA, 0, 0, 0, 10),
    ]  # fmt: skip
    assert code.instructions[1].symbol is ZERO
    assert code.instructions[1].line is not None


@pytest.mark.parametrize(("over", "add", "sum_"), [(0x55, 0x07, 0x0F), (0x56, 0x04, 0x0C)])
@pytest.mark.parametrize(("register", "free"), [(1, 0), (0, 1)])
def test_a_test_that_jumps_over_the_trap_behind_it(
    over: int, add: int, sum_: int, register: int, free: int
) -> None:
    code = function(op(add, register, 0, 1), (op(over, register, 0, 0), 0), trap())
    assert hidden(code)[1:5] == [
        (LD_IMM64, free, 0, 32), (0x79, free, free, 0), (sum_, free, register, 0), (over, free, 0, 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("others", [False, True], ids=["alone", "with another test"])
def test_a_narrow_sum_is_shifted_and_keeps_its_bounds(others: bool) -> None:
    """`w3 = w1; w3 &= 255; [if r1 > 255 goto trap;] if w3 != w1 goto trap`."""
    end = 6 + others
    code = function(
        op(0x0C, 1, 4), op(0xBF, 3, 1), op(0x54, 3, 0, 255), *[(op(0x25, 1, 0, 255), end)] * others,
        (op(0x5E, 3, 1), end), (op(0x55, 2, 0, 0), 0), op(EXIT), trap(),
    )  # fmt: skip
    assert hidden(code)[:8] == [
        (0x0C, 1, 4, 0), (LD_IMM64, 3, 0, 32), (0x79, 3, 3, 0), (0x0C, 3, 1, 0),
        (0x54, 1, 0, 255), (0x74, 3, 0, 8), (0x16, 3, 0, 0, 8), (JA, 0, 0, 0, 10),
    ]  # fmt: skip


def test_a_copy_that_is_read_later_stays() -> None:
    code = function(
        op(0x04, 1, 0, 1), op(0xBF, 3, 1), op(0x54, 3, 0, 0xFFFF), (op(0x5E, 3, 1), 7),
        op(0xBF, 1, 3), (op(0x55, 2, 0, 0), 0), op(EXIT), trap(),
    )  # fmt: skip
    assert [one[0] for one in hidden(code)[:6]] == [0x04, 0xBF, 0x54, LD_IMM64, 0x79, 0x0C]


def test_a_mask_that_is_no_width_is_left_alone() -> None:
    code = function(
        op(0x04, 1, 0, 1), op(0xBF, 3, 1), op(0x54, 3, 0, 0xF0), (op(0x5E, 3, 1), 6),
        (op(0x55, 2, 0, 0), 0), op(EXIT), trap(),
    )  # fmt: skip
    assert not found(code)


@pytest.mark.parametrize(
    ("test", "opposite"), [(0xAD, 0x3D), (0xCD, 0x7D)], ids=["without a sign", "with a sign"]
)
@pytest.mark.parametrize("add", [0x0F, 0x07], ids=["of a register", "of a number"])
def test_a_sum_is_compared_with_what_it_was(test: int, opposite: int, add: int) -> None:
    code = function(
        op(0xBF, 4, 3), op(add, 4, 2, 3), (op(test, 4, 3), 6), op(0xBF, 3, 4),
        (op(0x55, 2, 0, 0), 0), op(EXIT), trap(),
    )  # fmt: skip
    assert hidden(code)[4:7] == [(0x0F, 1, 4, 0), (opposite, 1, 3, 0, 7), (JA, 0, 0, 0, 10)]


def test_only_counters_of_rounds_are_hidden() -> None:
    once = loop(0x16, 0x04, rounds=False)
    assert not found(once)
    assert found(once, called_back=True)
    copied = loop(0x16, 0xBC)  # what is tested is no sum
    assert not found(copied, called_back=True)


def test_a_register_that_is_wanted_is_not_taken() -> None:
    code = loop(0x16, 0x04)
    (counter,) = found(code, kept=(0,))
    assert counter.free == 3  # r1 is the counter, r2 is read in the loop
    assert not found(code, kept=tuple(range(10)))
