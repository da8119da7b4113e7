"""Cookies of tracepoints, from a Zig probe; those of other kinds are in the tests of these."""

from __future__ import annotations

import os

import pytest

from pyzbpf.errors import Error, UnsupportedError
from tests.support import features, zig_probes
from tests.support.probes import counter


@pytest.mark.parametrize(
    ("name", "index", "since"), [("classic", 0, "5.15"), ("raw", 1, "6.10"), ("typed", 2, "6.10")]
)
def test_a_program_reads_its_cookie(name, index, since):
    features.since(since, f"a cookie of {name}")
    if name == "typed":
        features.needs_types()
    spec = zig_probes.spec("cookies")
    for other in spec.programs.values():
        other.autoload = other.name == name
    spec.variables["wanted"].value = os.getpid()
    with spec.load() as probe:
        for cookie in (7, 2**64 - 1):
            with probe.programs[name].attach(cookie=cookie):
                os.getpgid(0)
            assert probe.variables["cookies"].value[index] == cookie


@pytest.mark.parametrize(
    ("kind", "target", "since"),
    [("tracepoint", "syscalls/sys_enter_getpgid", "5.15"), ("raw_tracepoint", "sys_enter", "6.10")],
)
def test_older_kernels_say_so(kind, target, since):
    with counter(kind, target, os.getpid()).load() as probe:
        if features.is_older(since):
            with pytest.raises(UnsupportedError, match="a cookie") as caught:
                probe.attach(cookie=1)
            assert caught.value.since == since
            probe.attach()
        else:
            probe.attach(cookie=1)
        os.getpgid(0)
        assert probe.variables["hits"].value > 0


def test_numbers_that_are_none():
    with counter("tracepoint", "syscalls/sys_enter_getpgid", 0).load() as probe:
        for cookie, error in ((-1, ValueError), (2**64, ValueError), ("1", TypeError), (True, TypeError)):
            with pytest.raises(error, match="option 'cookie'"):
                probe.attach(cookie=cookie)
        with pytest.raises(Error):
            probe.programs["count"].attach(target="nothing/like_it", cookie=1)
        assert probe.links == []
