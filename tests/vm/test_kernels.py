"""The kernel tests on the other kernels of the subset for continuous integration, by `python -m tests.vm`.

Half an hour, so only with PYZBPF_REQUIRE=vm; no QEMU, or a kernel that is not to be had, is a failure then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.vm import matrix

if TYPE_CHECKING:
    from tests.vm.conftest import Command

pytestmark = pytest.mark.vm
ROWS = matrix.chosen([], everything=False)


def test_the_command_succeeds(guests: Command) -> None:
    """All said at once where it does not: which tests failed on which kernels, and how their consoles end."""
    assert guests.wait() == 0, guests.said.read_text(errors="replace")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_kernel_tests_pass(row: matrix.Row, guests: Command) -> None:
    guests.wait()
    assert guests.junit.exists(), "the command has written no results; what it said is in the test above"
    (suite,) = [found for found in ET.parse(guests.junit).iter("testsuite") if found.get("name") == row.name]
    cases = list(suite.iter("testcase"))
    wrong = [
        f"{case.get('name')}: {found.text}" for case in cases for found in case if found.tag != "skipped"
    ]
    assert not wrong, "\n\n".join(wrong)
    # That its tests were found and not skipped.
    assert sum(len(case) == 0 for case in cases) > 500
