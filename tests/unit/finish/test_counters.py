"""Counters in loops are looked at without telling the verifier which number they are."""

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


@pytest.mark.parametrize(
    ("test", "add", "opposite", "sum_"), [(0x15, 0x07, 0x55, 0x0F), (0x16, 0x04, 0x56, 0x0C)]
)
def test_the_test_is_of_a_sum_with_a_zero_in_memory(test: int, add: int, opposite: int, sum_: int) -> None:
    code = loop(test, add)
    end = code.instructions[6]
    (found,) = counters.of_trap(code, end, called_back=False, kept=())
    assert found.free == 0
    counters.hide(code, found, ZERO, 32)
    assert shown(code)[1:6] == [
        (LD_IMM64, 0, 0, 32), (0x79, 0, 0, 0), (sum_, 0, 1, 0), (opposite, 0, 0, 0, 6), (JA, 0, 0, 0, 10),
    ]  # fmt: skip
    assert code.instructions[1].symbol is ZERO
    assert code.instructions[1].line is not None


def test_only_counters_of_rounds_are_hidden() -> None:
    once = loop(0x16, 0x04, rounds=False)
    assert not counters.of_trap(once, once.instructions[6], called_back=False, kept=())
    assert counters.of_trap(once, once.instructions[6], called_back=True, kept=())
    copied = loop(0x16, 0xBC)  # what is tested is no sum
    assert not counters.of_trap(copied, copied.instructions[6], called_back=True, kept=())


def test_a_register_that_is_wanted_is_not_taken() -> None:
    code = loop(0x16, 0x04)
    (found,) = counters.of_trap(code, code.instructions[6], called_back=False, kept=(0,))
    assert found.free == 3  # r1 is the counter, r2 is read in the loop
    assert not counters.of_trap(code, code.instructions[6], called_back=False, kept=range(10))


@pytest.mark.parametrize(("over", "add", "sum_"), [(0x55, 0x07, 0x0F), (0x56, 0x04, 0x0C)])
def test_a_test_that_jumps_over_the_trap_behind_it(over: int, add: int, sum_: int) -> None:
    code = function(op(add, 1, 0, 1), (op(over, 1, 0, 0), 0), trap())
    (found,) = counters.of_trap(code, code.instructions[2], called_back=False, kept=())
    counters.hide(code, found, ZERO, 32)
    assert shown(code)[1:5] == [
        (LD_IMM64, 0, 0, 32), (0x79, 0, 0, 0), (sum_, 0, 1, 0), (over, 0, 0, 0, 0),
    ]  # fmt: skip
