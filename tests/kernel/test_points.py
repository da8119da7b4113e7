"""`pyzbpf list POINTS`: what it prints is there to be attached to."""

from __future__ import annotations

import json

import pytest

from pyzbpf.cli import points
from pyzbpf.cli.main import main
from pyzbpf.errors import Error, NotFoundError, PrivilegeError, UnsupportedError
from pyzbpf.kernel import tracefs
from pyzbpf.spec.section_table import SECTIONS
from tests.support import features
from tests.support.targets import Target


def listed(capsys: pytest.CaptureFixture[str], pattern: str) -> list[str]:
    assert main(["list", pattern]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("tracepoint/sched/sched_process_ex[ei][ct]*", "tracepoint/sched/sched_process_exec"),
        ("raw_tp/sys_*", "raw_tp/sys_enter"),
        ("tp_btf", "tp_btf/sched_switch"),
        ("iter", "iter/task"),
        ("ksyscall/openat*", "ksyscall/openat"),
        ("kprobe/vfs_re?d", "kprobe/vfs_read"),
        ("fentry/vfs_read", "fentry/vfs_read"),
    ],
)
def test_points_of_the_kernel(capsys: pytest.CaptureFixture[str], pattern: str, found: str) -> None:
    if found.partition("/")[0] in ("raw_tp", "tp_btf", "iter", "fentry"):
        features.needs_types()
    try:
        points.matching("kprobe/vfs_read")
        points.matching("ksyscall/openat")
    except (NotFoundError, UnsupportedError) as error:
        pytest.skip(f"needs a kernel with CONFIG_FTRACE_SYSCALLS and CONFIG_KPROBES: {error}")
    sections = listed(capsys, pattern)
    assert found in sections
    assert sections == sorted(set(sections))
    prefix = pattern.partition("*")[0].partition("[")[0].partition("?")[0]
    assert all(section.startswith(prefix) for section in sections)


def test_a_tracepoint_that_is_listed_has_an_id() -> None:
    for section in points.matching("tracepoint/sched/*"):
        assert tracefs.tracepoint_id(section.partition("/")[2]) > 0


def test_hooks_are_those_of_the_security_module(capsys: pytest.CaptureFixture[str]) -> None:
    features.needs_bpf_security_module()
    assert "lsm/bprm_check_security" in listed(capsys, "lsm")


def test_all_kinds_are_looked_through(capsys: pytest.CaptureFixture[str]) -> None:
    features.needs_types()
    sections = listed(capsys, "*sched_process_exec")
    assert {"tracepoint/sched/sched_process_exec", "raw_tp/sched_process_exec"} <= set(sections)


def test_points_of_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    with Target() as target:
        path = target.path()
        assert f"usdt/{path}:target:done" in listed(capsys, f"usdt/{path}:*")
        assert listed(capsys, f"usdt/{path}:*:do?e") == [f"usdt/{path}:target:done"]


def test_points_of_a_library(capsys: pytest.CaptureFixture[str]) -> None:
    assert "uprobe/libc.so.6:malloc" in listed(capsys, "uprobe/libc.so.6:malloc*")


def test_every_kind_is_one_of_a_section() -> None:
    assert set(points.KINDS) <= {row[0].rstrip("/+") for row in SECTIONS}


def test_functions_where_ftrace_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> list[str]:
        raise Error("locked")

    monkeypatch.setattr(tracefs, "functions", refuse)
    assert points.matching("kprobe/vfs_read") == ["kprobe/vfs_read"]

    def not_permitted() -> list[str]:
        raise PrivilegeError("no", capability="CAP_DAC_READ_SEARCH")

    monkeypatch.setattr(tracefs, "functions", not_permitted)
    with pytest.raises(PrivilegeError):
        points.matching("kprobe/vfs_read")


def test_what_the_kernel_lacks_does_not_hide_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking() -> list[str]:
        raise UnsupportedError("reading the running kernel's types")

    monkeypatch.setitem(points._OF_KERNEL, "lsm", lacking)
    monkeypatch.setitem(points._OF_KERNEL, "tracepoint", lambda: ["a/named_so"])
    assert points.matching("*/a/named_so") == ["tracepoint/a/named_so"]
    with pytest.raises(UnsupportedError):
        points.matching("lsm")


@pytest.mark.parametrize(
    ("pattern", "code", "message"),
    [
        ("kprobes/x", 2, "there are no points of kind 'kprobes'; did you mean kprobe or uprobe?\n  There is: tracepoint"),
        ("uprobe/libc.so.6", 2, "uprobe wants a program or library, and what of it: uprobe/libc.so.6:*"),
        ("usdt", 2, "usdt wants a program or library"),
        ("uprobe//nothing/here:*", 1, "/nothing/here: cannot be read: No such file"),
        ("tracepoint/sched/nothing", 1, "nothing here is like 'tracepoint/sched/nothing'"),
    ],
)  # fmt: skip
def test_what_there_is_not(capsys: pytest.CaptureFixture[str], pattern: str, code: int, message: str) -> None:
    assert main(["list", pattern]) == code
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith(f"pyzbpf: error: {message}")


def test_json_and_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "tracepoint/sched/sched_switch", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"section": "tracepoint/sched/sched_switch"}
    with pytest.raises(SystemExit):
        main(["list", "lsm", "--loaded"])
