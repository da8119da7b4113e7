"""fentry, fexit and LSM from a Zig probe: this process' own sleep, and a program file that it starts."""

from __future__ import annotations

import ctypes
import os

import pytest

from pyzbpf.errors import Error, SystemCallError, UnsupportedError
from pyzbpf.kernel import limits
from tests.support import features, zig_probes

LIBC = ctypes.CDLL(None)
PATIENCE = 20
MONOTONIC, RELATIVE = 1, 1
NANOSECONDS = 1_234_567
ENTERED, LEFT, CHECKED = 1, 2, 3


class Time(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def sleep() -> None:
    assert LIBC.clock_nanosleep(MONOTONIC, 0, ctypes.byref(Time(0, NANOSECONDS)), None) == 0


def load(*names: str, **variables):
    """The probe with these programs; skipped where this kernel refuses them all, whatever loads them."""
    features.needs_types()
    spec = zig_probes.spec("functions")
    for name, program in spec.programs.items():
        program.autoload = name in names
    spec.variables["wanted"].value = os.getpid()
    for name, value in variables.items():
        spec.variables[name].value = value
    try:
        return spec.load()
    except Error as error:
        reason = features.no_trampolines(error)
        if reason:
            pytest.skip(reason)
        raise


def attach(program, **options):
    try:
        return program.attach(**options)
    except Error as error:
        reason = features.no_trampolines(error)
        if reason:
            pytest.skip(reason)
        raise


def test_arguments_and_result():
    with load("entered", "left") as probe:
        links = [attach(probe.programs[name]) for name in ("entered", "left")]
        assert [link.target for link in links] == [
            "fentry 'hrtimer_nanosleep'",
            "fexit 'hrtimer_nanosleep'",
        ]
        sleep()
        call, back = probe.maps["calls"].read(2, timeout=PATIENCE)
        for seen, kind in ((call, ENTERED), (back, LEFT)):
            assert (seen.kind, seen.time, seen.mode, seen.clock) == (kind, NANOSECONDS, RELATIVE, MONOTONIC)
        assert back.result == 0
        with pytest.raises(SystemCallError, match=r"attached there already|has been attached before"):
            probe.programs["entered"].attach()
        for link in links:
            link.close()
            link.close()
        sleep()
        assert probe.maps["calls"].read(1, timeout=0) == []


def test_cookies():
    if features.is_older("5.19"):
        with load("entered") as probe:
            attach(probe.programs["entered"]).close()  # first without: it may be that nothing attaches here
            with pytest.raises(UnsupportedError, match=r"a cookie .*5\.19"):
                probe.programs["entered"].attach(cookie=1)
        return
    with load("entered", with_cookie=True) as probe:
        with attach(probe.programs["entered"], cookie=2**63 + 5):
            sleep()
        (call,) = probe.maps["calls"].read(1, timeout=PATIENCE)
        assert call.cookie == 2**63 + 5


@pytest.mark.parametrize("forbidden", [False, True])
def test_a_security_hook(forbidden):
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    with load("nicer", forbidden=forbidden) as probe:
        link = attach(probe.programs["nicer"])
        assert link.target == "lsm 'task_setnice'"
        features.needs_bpf_security_module()
        if forbidden:
            with pytest.raises(PermissionError):
                os.setpriority(os.PRIO_PROCESS, 0, nice)
        else:
            os.setpriority(os.PRIO_PROCESS, 0, nice)
        (call,) = probe.maps["calls"].read(1, timeout=PATIENCE)
        assert (call.kind, call.clock, call.result) == (CHECKED, nice, 0)
        link.close()
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        assert probe.maps["calls"].read(1, timeout=0) == []


def test_a_kernel_without_a_jit(monkeypatch):
    monkeypatch.setattr(limits, "sysctl", lambda _: None)
    assert "CONFIG_BPF_JIT" in limits.no_trampolines()
    monkeypatch.setattr(limits, "sysctl", lambda _: "0")
    assert "net.core.bpf_jit_enable=1" in limits.no_trampolines()
