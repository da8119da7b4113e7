"""Kprobes and kretprobes from a Zig probe: this process' own sleep."""

from __future__ import annotations

import ctypes
import os

import pytest

from pyzbpf.errors import Error, NotFoundError, ObjectError, UnsupportedError
from pyzbpf.kernel import kallsyms
from pyzbpf.links import place
from tests.support import features, zig_probes
from tests.support.probes import counter

LIBC = ctypes.CDLL(None)
PATIENCE = 20
MONOTONIC, RELATIVE = 1, 1
NANOSECONDS = 1_234_567


class Time(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def sleep() -> None:
    assert LIBC.clock_nanosleep(MONOTONIC, 0, ctypes.byref(Time(0, NANOSECONDS)), None) == 0


@pytest.fixture
def probe():
    features.needs_kprobes()
    features.needs_to_know_the_machine()
    spec = zig_probes.spec("kprobes")
    spec.variables["wanted"].value = os.getpid()
    spec.variables["with_cookie"].value = not features.is_older("5.15")
    with spec.load() as loaded:
        yield loaded


def test_arguments_and_result(probe):
    links = sorted(probe.attach(), key=lambda link: link.kind)
    assert [link.kind for link in links] == ["kprobe", "kretprobe"]
    assert links[0].target == "kprobe at 'hrtimer_nanosleep'"
    sleep()
    call, back = probe.maps["calls"].read(2, timeout=PATIENCE)
    assert (call.number, call.mode, call.clock) == (NANOSECONDS, RELATIVE, MONOTONIC)
    assert back.result == 0
    for link in links:
        link.close()
        link.close()
    sleep()
    assert probe.maps["calls"].read(1, timeout=0) == []


def test_cookies(probe):
    if features.is_older("5.15"):
        with pytest.raises(UnsupportedError, match=r"a cookie .*5\.15"):
            probe.programs["sleeps"].attach(cookie=5)
        return
    for cookie in (5, 2**64 - 1):
        with probe.programs["sleeps"].attach(cookie=cookie):
            sleep()
        (call,) = probe.maps["calls"].read(1, timeout=PATIENCE)
        assert call.cookie == cookie


def test_another_function_than_the_section_names(probe):
    with probe.programs["sleeps"].attach(function="do_nanosleep+0x0") as link:
        assert link.target == "kprobe at 'do_nanosleep'"
        sleep()
        assert len(probe.maps["calls"].read(1, timeout=PATIENCE)) == 1


def test_before_links_of_the_kernel(probe, monkeypatch):
    """Linux 5.10 to 5.14: the program is set on the event."""
    from pyzbpf.errors import SystemCallError
    from pyzbpf.kernel import commands

    def refuse(*_, **__):
        raise SystemCallError(22, "Invalid argument", command="BPF_LINK_CREATE")

    monkeypatch.setattr(commands, "link_create", refuse)
    with probe.programs["woken"].attach():
        sleep()
        (back,) = probe.maps["calls"].read(1, timeout=PATIENCE)
        assert back.result == 0
    sleep()
    assert probe.maps["calls"].read(1, timeout=0) == []


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("do_nanosleeep", r"no function 'do_nanosleeep'; did you mean .*do_nanosleep"),
        ("nothing_like_it_at_all", "no function 'nothing_like_it_at_all'"),
    ],
)
def test_wrong_names(probe, function, message):
    with pytest.raises(NotFoundError, match=message):
        probe.programs["sleeps"].attach(function=function)


def test_places_that_cannot_be_probed(probe):
    with pytest.raises(Error, match="do_nanosleep"):
        probe.programs["sleeps"].attach(function="do_nanosleep", offset=1 << 30)
    with pytest.raises(ObjectError, match=r"a kretprobe takes no offset \(0x8\)"):
        probe.programs["woken"].attach(function="do_nanosleep+8")
    with pytest.raises(ObjectError, match="does not say which function"):
        probe.programs["sleeps"].attach(function="")
    assert probe.links == []


def test_a_kernel_without_kprobes(monkeypatch, tmp_path):
    from pyzbpf.kernel import perf_event

    for devices, cause in (
        (str(tmp_path), "without CONFIG_KPROBE_EVENTS"),
        ("/nothing", "mount sysfs at /sys"),
    ):
        monkeypatch.setattr(perf_event, "_DEVICES", devices)
        with (
            counter("kprobe", "do_nanosleep", 0).load() as probe,
            pytest.raises(UnsupportedError, match=rf"no kprobe PMU.*\n.*{cause}") as caught,
        ):
            probe.attach()
        assert caught.value.exit_code == 4
        assert "4.17" not in str(caught.value)  # every kernel that pyzbpf runs on is newer


def test_names_the_compiler_made_come_first(monkeypatch):
    table = b"0000 t do_open.isra.0\n0000 T do_opens\n0000 D do_ope\n0000 t other\t[mod]\n"
    monkeypatch.setattr(kallsyms, "_read", lambda: table)
    assert kallsyms.similar("do_open") == "; did you mean do_open.isra.0?"
    assert kallsyms.similar("do_opns") == "; did you mean do_opens?"
    assert kallsyms.similar("nothing") == ""


@pytest.mark.parametrize(
    ("text", "name", "offset"),
    [("f", "f", 0), ("f+4", "f", 4), ("f+0x1c", "f", 28), ("operator+", "operator+", 0), ("", "", 0)],
)
def test_offsets_in_names(text, name, offset):
    assert place.split_offset(text) == (name, offset)
