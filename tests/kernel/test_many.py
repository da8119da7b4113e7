"""Many functions by one link: of a library or program, and of the kernel; and the wrappers of system calls."""

from __future__ import annotations

import ctypes
import os

import pytest

from pyzbpf.errors import Error, NotFoundError, ObjectError, UnsupportedError
from pyzbpf.kernel.features.attach import FEATURES
from tests.kernel.test_uprobe import libc_file
from tests.support import features, zig_probes
from tests.support.targets import Target

PATIENCE = 20
LIBC = ctypes.CDLL(None)
NAMES = ("getpgid", "getsid")


def many(*names: str, **variables):
    features.needs_to_know_the_machine()
    spec = zig_probes.spec("links/many")
    for name in names:
        spec.programs[name].autoload = True
    spec.variables["wanted"].value = variables.get("wanted", os.getpid())
    return spec.load()


def call_both() -> None:
    LIBC.getpgid(0)
    LIBC.getsid(0)


def events(probe, count: int) -> list[tuple[int, int, int]]:
    found = [
        (event.program, event.cookie, event.returns)
        for event in probe.maps["seen"].read(count, timeout=PATIENCE)
    ]
    assert probe.maps["seen"].read(1, timeout=0) == []
    return found


def test_functions_of_a_library_in_and_out():
    features.since("6.6", "uprobe.multi")
    with many("user_in", "user_out") as probe:
        path = libc_file()
        inward = probe.programs["user_in"].attach(
            path=path, symbols={"getpgid": 3, "getsid": 4}, pid=os.getpid()
        )
        assert inward.target == f"uprobe.multi at '{path}:getpgid' and 1 more"
        call_both()
        assert events(probe, 2) == [(0, 3, 0), (0, 4, 0)]
        inward.detach()
        probe.programs["user_out"].attach(path=path, symbols=["getsid"], pid=os.getpid())
        call_both()
        assert events(probe, 1) == [(1, 0, 1)]


def test_a_pattern_of_a_program():
    features.since("6.6", "uprobe.multi")
    with Target() as target, many("user_in", wanted=target.pid) as probe:
        probe.programs["user_in"].attach(path=target.path(), symbols="target_*")
        target.add()
        assert events(probe, 1) == [(0, 0, 0)]
        with pytest.raises(NotFoundError, match=r"no function of it fits 'nothing\*'\n.*as `nm` prints them"):
            probe.programs["user_in"].attach(path=target.path(), symbols="nothing*")
        with pytest.raises(NotFoundError, match=r"target_ad.*did you mean target_add"):
            probe.programs["user_in"].attach(path=target.path(), symbols=["target_add", "target_ad"])
        with pytest.raises(NotFoundError, match="no process 2147483647"):
            probe.programs["user_in"].attach(path=target.path(), symbols="target_*", pid=2**31 - 1)


def test_process_0_is_this_one():
    features.since("6.6", "uprobe.multi")
    with Target() as target, many("user_in", wanted=target.pid) as probe:
        probe.programs["user_in"].attach(path=target.path(), symbols="target_*", pid=0)
        target.add()
        assert events(probe, 0) == []


def test_a_session_of_user_space():
    features.since("6.13", "uprobe.session")
    features.needs_jit("bpf_session_is_return, by which a session knows its way out,")
    with many("user_both") as probe:
        probe.programs["user_both"].attach(path=libc_file(), symbols={"getpgid": 9}, pid=os.getpid())
        call_both()
        assert events(probe, 2) == [(2, 9, 0), (2, 9, 1)]


def kernel_names() -> dict[str, int]:
    machine = {"x86_64": "x64", "aarch64": "arm64", "s390x": "s390x"}[os.uname().machine]
    return {f"__{machine}_sys_getpgid": 5, f"__{machine}_sys_getsid": 6}


def needs_many_kprobes() -> None:
    feature = next(feature for feature in FEATURES if feature.name == "kprobe multi")
    if not feature.answer().supported:
        pytest.skip(
            f"kprobe.multi needs CONFIG_FPROBE=y, as python -m tests.vm amd64-6.12 has it ({feature.answer().reason})"
        )


def test_functions_of_the_kernel_in_and_out():
    features.since("5.18", "kprobe.multi")
    needs_many_kprobes()
    with many("kernel_in", "kernel_out") as probe:
        inward = probe.programs["kernel_in"].attach(functions=kernel_names())
        call_both()
        assert events(probe, 2) == [(3, 5, 0), (3, 6, 0)]
        inward.detach()
        first = next(iter(kernel_names()))
        probe.programs["kernel_out"].attach(functions=first.replace("getpgid", "getpg?d"))
        call_both()
        assert events(probe, 1) == [(4, 0, 1)]


def test_a_session_of_the_kernel():
    features.since("6.10", "kprobe.session")
    features.needs_jit("bpf_session_is_return, by which a session knows its way out,")
    needs_many_kprobes()
    with many("kernel_both") as probe:
        probe.programs["kernel_both"].attach(functions=kernel_names())
        LIBC.getsid(0)
        assert events(probe, 2) == [(5, 6, 0), (5, 6, 1)]


def test_wrong_functions_of_the_kernel():
    features.since("5.18", "kprobe.multi")
    needs_many_kprobes()
    with many("kernel_in") as probe:
        attach = probe.programs["kernel_in"].attach
        with pytest.raises(NotFoundError, match=r"has no function 'vfs_reed'; did you mean .*vfs_read"):
            attach(functions=["vfs_write", "vfs_reed"])
        with pytest.raises(NotFoundError, match="no function of the kernel that can be traced fits 'zzz_"):
            attach(functions="zzz_*")
        assert probe.links == []


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("user_in", {}, ObjectError, "does not say which program or library"),
        ("user_in", {"path": "/bin/sh"}, ObjectError, "does not say which functions"),
        ("user_in", {"path": "/nothing/here", "symbols": "x"}, NotFoundError, "cannot be read: No such file"),
        ("user_in", {"path": "/bin/sh", "symbols": 5}, TypeError, "a name, a pattern such as"),
        ("user_in", {"path": "/bin/sh", "symbols": []}, ValueError, r"option 'symbols' names no function: \[\]"),
        ("user_in", {"path": "/bin/sh", "symbols": [5]}, TypeError, "holds names, which are str, not 5"),
        ("user_in", {"path": "/bin/sh", "symbols": {"x": "y"}}, TypeError, "option 'cookie' is an int"),
        ("user_in", {"kind": "uprobe", "path": "/bin/sh", "symbol": "main"}, Error, "cannot be attached as 'uprobe'"),
        ("user_in", {"kind": "uprob.multi"}, Error, r"no kind 'uprob.multi' of program; did you mean .*'uprobe.multi'"),
    ],
)  # fmt: skip
def test_mistakes(name, options, error, message):
    features.since("6.6", "uprobe.multi")
    with many(name) as probe:
        with pytest.raises(error, match=message):
            probe.programs[name].attach(**options)
        assert probe.links == []


def test_system_calls():
    features.needs_to_know_the_machine()
    features.needs_kprobes()
    spec = zig_probes.spec("links/calls")
    spec.variables["wanted"].value = os.getpid()
    with spec.load() as probe:
        enter, leave = sorted(probe.attach(), key=lambda link: link.kind, reverse=True)
        assert (enter.kind, leave.kind) == ("ksyscall", "kretsyscall")
        result = LIBC.getpgid(0)
        enter.detach()
        LIBC.getpgid(0)
        values = {name: variable.value for name, variable in probe.variables.items()}
        assert (values["entered"], values["left"], values["result"]) == (1, 2, result)
        with pytest.raises(NotFoundError, match=r"no function '.*sys_getpgidd'; did you mean .*sys_getpgid"):
            probe.programs["enter"].attach(call="getpgidd")


def test_where_the_kernel_has_no_kprobes():
    features.needs_to_know_the_machine()
    if os.path.exists("/sys/bus/event_source/devices/kprobe/type"):
        pytest.skip("needs a kernel without kprobes, as the host of a micro-VM is")
    with zig_probes.spec("links/calls").load() as probe:
        with pytest.raises(UnsupportedError, match="no kprobe PMU"):
            probe.attach()
        assert probe.links == []
