from __future__ import annotations

import errno
import os
import sys

import pytest

from pyzbpf.errors import PrivilegeError, SystemCallError, UnsupportedError
from pyzbpf.kernel import limits, perf_event, privilege, sockets, syscall
from pyzbpf.uapi import enums as e


def test_errno_becomes_a_system_call_error():
    error = syscall.failure(-errno.EINVAL, command="BPF_MAP_CREATE", capability="CAP_BPF", detail="map 'm'")
    assert isinstance(error, SystemCallError)
    assert isinstance(error, OSError)
    assert error.errno == errno.EINVAL
    assert str(error) == "BPF_MAP_CREATE: Invalid argument (errno 22): map 'm'"
    assert "more" in str(syscall.detailed(error, "more"))


def test_the_kernels_own_errno_has_words():
    error = syscall.failure(524, command="BPF_PROG_TEST_RUN", capability="CAP_BPF")
    assert "not supported by the kernel" in str(error)


def test_a_missing_system_call():
    error = syscall.failure(errno.ENOSYS, command="BPF_MAP_CREATE", capability="CAP_BPF")
    assert isinstance(error, UnsupportedError)
    assert "CONFIG_BPF_SYSCALL" in str(error)
    assert "BPF" not in str(
        syscall.failure(errno.ENOSYS, command="mounting tracefs", capability="CAP_SYS_ADMIN")
    )


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_kernel_without_perf_events(monkeypatch, number):
    monkeypatch.setattr(perf_event, "_open", lambda *_: -number)
    for ask in (lambda: perf_event.bpf_output(0), lambda: perf_event.tracepoint(1, "sched/sched_switch")):
        with pytest.raises(UnsupportedError, match="CONFIG_PERF_EVENTS") as caught:
            ask()
        assert "CONFIG_BPF_SYSCALL" not in str(caught.value)


@pytest.mark.skipif(not hasattr(sockets._socket, "AF_PACKET"), reason="needs Linux")
def test_a_kernel_without_packet_sockets(monkeypatch):
    def refuse(*_):
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(sockets._socket, "socket", refuse)
    with pytest.raises(UnsupportedError, match="CONFIG_PACKET"):
        sockets.FilterSocket("lo", 3)


NOTHING, EVERYTHING, ADMIN = 0, (1 << 41) - 1, 1 << 21


@pytest.mark.parametrize(
    ("wanted", "held", "missing"),
    [
        ("CAP_BPF", NOTHING, ["CAP_BPF"]),
        ("CAP_BPF", EVERYTHING, []),
        ("CAP_BPF and CAP_PERFMON", ADMIN, []),
        ("CAP_BPF and CAP_NET_ADMIN", ADMIN, ["CAP_NET_ADMIN"]),
        ("CAP_BPF and CAP_PERFMON", 1 << 39, ["CAP_PERFMON"]),
        ("CAP_BPF", None, ["CAP_BPF"]),
    ],
)
def test_capabilities_that_are_missing(wanted, held, missing):
    assert privilege.missing(wanted, held) == missing


@pytest.mark.parametrize(
    ("held", "user", "disabled", "words"),
    [
        (NOTHING, 1000, "2", ["lacks CAP_BPF", "sudo", "unprivileged_bpf_disabled is 2"]),
        (NOTHING, 1000, "0", ["lacks CAP_BPF", "sudo"]),
        (NOTHING, 0, None, ["lacks CAP_BPF", "container"]),
        (EVERYTHING, 0, "2", ["although this process has CAP_BPF", "lockdown"]),
    ],
)
def test_a_refusal_says_what_is_missing(monkeypatch, held, user, disabled, words):
    monkeypatch.setattr(privilege, "effective", lambda: held)
    monkeypatch.setattr(privilege, "sysctl", lambda _: disabled)
    monkeypatch.setattr(privilege.os, "geteuid", lambda: user, raising=False)
    error = syscall.failure(-errno.EPERM, command="BPF_MAP_CREATE", capability="CAP_BPF", detail="map 'm'")
    assert isinstance(error, PrivilegeError)
    assert error.capability == "CAP_BPF"
    assert str(error).startswith("BPF_MAP_CREATE (map 'm'): not permitted")
    for word in words:
        assert word in str(error)
    other = privilege.refusal("BPF_PROG_GET_NEXT_ID", "CAP_SYS_ADMIN")
    assert "unprivileged_bpf_disabled" not in str(other), "which is about CAP_BPF alone"


def test_what_all_programs_need():
    assert privilege.to_load_all([]) == "CAP_BPF"
    types = [e.BPF_PROG_TYPE_SOCKET_FILTER, e.BPF_PROG_TYPE_KPROBE, e.BPF_PROG_TYPE_LSM]
    assert privilege.to_load_all(types) == "CAP_BPF and CAP_PERFMON"
    assert privilege.to_load_all([*types, e.BPF_PROG_TYPE_XDP]) == "CAP_BPF and CAP_PERFMON and CAP_NET_ADMIN"


@pytest.mark.parametrize(
    ("release", "charges"),
    [("5.10.0-30-amd64", True), ("4.18", True), ("5.11.0", False), ("6.1.0+", False), ("custom", False)],
)
def test_kernels_that_charge_memlock(release, charges):
    assert limits.charges_memlock(release) is charges


@pytest.mark.parametrize(
    ("release", "version", "older"),
    [
        ("5.4.0-150-generic", "5.8", True),
        ("5.10.1", "5.8", False),
        ("6.1", "6.1", False),
        ("custom", "6.9", False),
    ],
)
def test_releases_in_order(release, version, older):
    assert limits.older(release, version) is older


@pytest.mark.parametrize(
    ("name", "narrow", "row"),
    [
        ("x86_64", False, "x86_64"),
        ("x86_64", True, "i386"),
        ("i686", True, "i386"),
        ("aarch64", False, "aarch64"),
        ("aarch64", True, "arm"),
        ("armv7l", True, "arm"),
        ("s390x", False, "s390x"),
    ],
)
def test_row_of_the_number_table(name, narrow, row):
    assert syscall.machine(name, narrow=narrow) == row
    assert row in syscall.NUMBERS


def test_other_systems_are_refused_at_the_call(monkeypatch):
    monkeypatch.setattr(syscall, "_gate", None)
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UnsupportedError, match="darwin"):
        syscall.raw("bpf")


@pytest.mark.parametrize(("release", "told"), [("5.10.0-32-cloud-amd64", True), ("6.1.0-50", False)])
def test_the_limit_of_locked_memory_is_blamed_where_it_counts(monkeypatch, release, told):
    monkeypatch.setattr(privilege, "effective", lambda: EVERYTHING)
    monkeypatch.setattr(os, "uname", lambda: type("", (), {"release": release}))
    assert ("RLIMIT_MEMLOCK" in str(privilege.refusal("BPF_MAP_CREATE", "CAP_BPF"))) == told
