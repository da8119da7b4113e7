"""Arguments of system calls and of statically defined probes by the SDK's contexts."""

from __future__ import annotations

import ctypes
import os

import pytest

from tests.support import features, zig_probes
from tests.support.targets import COUNTED, DONE, Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.runtime.object import Object

MODES = ["safe", "small", "fast"]
PATIENCE_S = 30


def loaded(mode: str, *names: str) -> Object:
    spec = zig_probes.spec("newer/contexts", mode)
    spec.variables["watched"].value = os.getpid()
    for name, program in spec.programs.items():
        program.autoload = name in names
    return spec.load()


@pytest.mark.parametrize("mode", MODES)
def test_six_arguments_of_a_system_call(mode: str) -> None:
    features.needs_to_know_the_machine()
    features.needs_kprobes()
    libc = ctypes.CDLL(None, use_errno=True)
    bad_descriptor = 9
    with loaded(mode, "enter", "leave") as probe:
        probe.attach()
        numbers = (-3, 0x1111, -5, 0x2222, 0x3333, 0x44)
        assert libc.copy_file_range(*map(ctypes.c_long, numbers)) == -1
        assert ctypes.get_errno() == bad_descriptor
        assert list(probe.variables["arguments"].value) == [n % (1 << 64) for n in numbers]
        assert probe.variables["result"].value == -bad_descriptor


@pytest.mark.parametrize("mode", MODES)
def test_arguments_of_a_statically_defined_probe(mode: str) -> None:
    features.needs_to_know_the_machine()
    with loaded(mode, "passed") as probe, Target() as target:
        passed = probe.programs["passed"]
        with passed.attach(path=target.path(), provider="target", name="done", cookie=7, pid=target.pid):
            target.done()
            (event,) = probe.maps["seen"].read(1, timeout=PATIENCE_S)
            assert (event.first, event.second, event.count, event.cookie) == (*DONE, 2, 7)
        with passed.attach(path=target.path(), name="counted", pid=target.pid):
            target.counted()
            (event,) = probe.maps["seen"].read(1, timeout=PATIENCE_S)
            assert (event.first, event.second, event.count, event.cookie) == (*COUNTED, 0, 1, 0)
        assert not probe.traps
