"""Histograms: where a value goes, what is printed, what percentiles say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyzbpf.errors import Error
from pyzbpf.maps.hist import Hist

NUMBERS = st.one_of(st.integers(0, 70), st.integers(0, (1 << 64) - 1))
FORMS = st.sampled_from(["upper", "lower"])


def of(values: list[int], closed: str = "upper") -> Hist:
    made = Hist(closed=closed)
    for value in values:
        made.record(value)
    return made


@given(NUMBERS, FORMS)
def test_a_value_lies_in_its_range(value, closed):
    ((low, high, count),) = of([value], closed).buckets()
    assert count == 1
    if closed == "upper":
        assert low < value <= high or value == low == high == 0
    else:
        assert low <= value < high


@given(st.lists(NUMBERS, min_size=1), FORMS, st.integers(0, 100))
def test_percentiles_are_ranges_that_hold_the_value(values, closed, percent):
    made = of(values, closed)
    low, high = made.percentile(percent)
    rank = max(1, -(-len(values) * percent // 100))
    assert low <= sorted(values)[rank - 1] <= high
    assert made.mean == sum(values) / len(values)


@given(st.lists(NUMBERS), st.lists(NUMBERS), FORMS)
def test_adding_is_counting_both(one, other, closed):
    assert of(one, closed) + of(other, closed) == of(one + other, closed)


def test_the_slots_are_those_of_the_sdk():
    made = Hist([1, 0, 2, 3], 40)
    assert made.buckets() == [(0, 0, 1), (0, 1, 0), (1, 2, 2), (2, 4, 3)]
    assert (made.count, made.sum) == (6, 40)


def test_as_bpftrace_prints_it():
    assert Hist([0] * 9 + [4, 0, 26], closed="lower").text() == (
        "[512, 1K)               4 |@@@@@@@@                                            |\n"
        "[1K, 2K)                0 |                                                    |\n"
        "[2K, 4K)               26 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|"
    )
    assert str(of([0, 1, 3, 3])) == (
        "[0]                     1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
        "[1]                     1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
        "(1, 2]                  0 |                                                    |\n"
        "(2, 4]                  2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|"
    )


def test_as_bcc_prints_it():
    assert Hist([1, 2, 4], closed="lower").text("usecs", "bcc") == (
        "     usecs               : count     distribution\n"
        "         0 -> 1          : 1        |**********                              |\n"
        "         2 -> 3          : 2        |********************                    |\n"
        "         4 -> 7          : 4        |****************************************|"
    )
    assert of([4, 3]).text(style="bcc").splitlines()[1].startswith("         3 -> 4          : 2 ")


def test_a_notebook_gets_a_table():
    html = of([3, 4, 9])._repr_html_()
    assert "(2, 4]" in html
    assert "width:50.0%" in html


def test_what_cannot_be_said_is_not():
    assert str(Hist()) == ""
    assert Hist().mean == 0
    with pytest.raises(Error, match="no percentiles"):
        Hist().percentile(50)
    with pytest.raises(Error, match="does not know the sum"):
        _ = Hist([1, 2], closed="lower").mean
    for use in (
        lambda: Hist(closed="both"),
        lambda: of([1]).percentile(101),
        lambda: of([1]).percentile("x"),
        lambda: of([1]).percentile(float("nan")),
        lambda: of([-1]),
        lambda: of([1 << 64]),
        lambda: of([1]).text(style="ascii"),
        lambda: of([1]) + of([1], "lower"),
    ):
        with pytest.raises(ValueError, match=r"."):
            use()
