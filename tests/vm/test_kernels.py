"""The kernel tests on the other kernels of the subset for continuous integration, by `python -m tests.vm`.

A quarter of an hour, so only with PYZBPF_REQUIRE=vm; no QEMU, or a kernel that is not to be had, is a
failure then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.require import is_required, missing
from tests.vm import __main__ as vm
from tests.vm import matrix, qemu, report

if TYPE_CHECKING:
    from tests.vm.results import Run

ROWS = matrix.chosen([], everything=False)


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    """All of them at once: as many side by side as there are processors."""
    if not is_required("vm"):
        pytest.skip("boots four kernels: set PYZBPF_REQUIRE=vm, or run python -m tests.vm")
    lacking = qemu.missing(sorted({row.architecture for row in ROWS}))
    if lacking:
        missing("vm", f"needs QEMU: apt-get install {' '.join(lacking)}")
    return {run.name: run for run in vm.run(ROWS, vm.parse([]), ["tests/kernel"])}


@pytest.mark.vm
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_kernel_tests_pass(row: matrix.Row, runs: dict[str, Run]) -> None:
    run = runs[row.name]
    if run.not_run:
        missing("vm", f"not run: {run.not_run}")
    assert not run.failed, report.failures(run)
    assert run.count("passed") > 500  # that its tests were found and not skipped
