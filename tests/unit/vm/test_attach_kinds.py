"""The table of attach kinds: its tests exist, and the page shows what is kept."""

from __future__ import annotations

import ast

import pytest

from pyzbpf.links import attach
from tests.vm import kinds, report, suite
from tests.vm.results import Outcome, Run


@pytest.mark.parametrize("test", kinds.KINDS.values())
def test_every_kind_has_a_test_that_exists(test: str) -> None:
    file, _, function = test.partition("[")[0].partition("::")
    path = suite.ROOT / "tests" / "kernel" / f"test_{file}.py"
    names = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
    assert function in names


def test_every_kind_that_can_be_attached_is_in_the_table() -> None:
    """By the first of its names; control groups of IPv6 and Unix sockets are as those of IPv4."""
    said = " ".join(kinds.KINDS).replace(",", " ").split()
    for row, file, _ in attach._ROWS:
        names = [name.removesuffix(".s") for name in row.split()]
        assert any(any(word.startswith(name.partition("/")[0]) for word in said) for name in names), (
            row,
            file,
        )


def test_verdicts() -> None:
    run = Run("amd64-1", release="1.0")
    run.outcomes = [
        Outcome(
            "tests/kernel/test_many.py::test_system_calls", "skipped", "this kernel has no kprobe PMU", 0.0
        ),
        Outcome(
            "tests/kernel/test_link_objects.py::test_order_of_an_interface",
            "skipped",
            "tcx needs Linux 6.6, this is 1.0",
            0.0,
        ),
        Outcome("tests/kernel/test_packets.py::test_packets_that_come_in[safe]", "passed", "", 0.0),
        Outcome("tests/kernel/test_packets.py::test_packets_that_come_in[fast]", "failed", "boom", 0.0),
        Outcome("tests/kernel/test_sockets.py::test_sk_msg[sockets]", "passed", "", 0.0),
        Outcome("tests/kernel/test_kinds.py::test_control_groups[bind]", "passed", "", 0.0),
    ]
    found = kinds.of(run, "abc")
    assert found.kinds["ksyscall, kretsyscall"] == "this kernel has no kprobe PMU"
    assert (found.kinds["xdp"], found.kinds["sk_msg"]) == (kinds.FAILS, kinds.FIRES)
    assert (found.kinds["cgroup/bind4"], found.kinds["cgroup/post_bind4"]) == (kinds.FIRES, "not run")
    text = kinds.table([found])
    assert "| tcx | no: Linux 6.6 |" in text
    assert "| ksyscall, kretsyscall | no (1) |" in text
    assert text.endswith("\n1. this kernel has no kprobe PMU")


def test_the_page_shows_what_is_kept() -> None:
    text = kinds.PAGE.read_text()
    assert report.replaced(text, "kinds", kinds.table(kinds.kept())) == text, (
        "python -m tests.vm --kinds KERNEL"
    )
