"""Programs with typed arguments: found by the kernel's types, attached, and telling the truth."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from pyzbpf.errors import Error, NotFoundError, UnsupportedError
from pyzbpf.kernel import vmlinux
from pyzbpf.spec.read import program
from tests.support import features, zig_probes
from tests.support.assemble import R0, Asm, object_spec

# Says its parent's number, renames itself, and gives up its processor for some time.
CHILD = """
import os, sys, time
if sys.argv[1] == "1":
    os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
open("/proc/self/comm", "w").write("zbp")
print("ready", flush=True)
sys.stdin.readline()
for _ in range(20):
    time.sleep(0.005)
"""


@pytest.fixture(autouse=True)
def _kernel_types() -> None:
    features.needs_types()


@pytest.mark.parametrize("mode", ["fast", "safe"])
@pytest.mark.parametrize("reset", [0, 1])
def test_fields_of_a_task(mode: str, reset: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(reset)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        spec = zig_probes.spec("tp_btf", mode)
        spec.variables["wanted"].value = child.pid
        with spec.load() as probe:
            (link,) = probe.attach()
            assert repr(link) == "<Link see to tp_btf 'sched_switch', attached>"
            child.stdin.write("\n")
            child.stdin.close()
            child.wait()
            events = list(probe.maps["events"].read())
            link.detach()
            before = probe.variables["switches"].value
            time.sleep(0.02)
            assert probe.variables["switches"].value == before > 0
    assert len(events) >= 10
    seen = {(e.pid, e.tgid, e.parent, e.reset, e.comm, e.name) for e in events}
    assert seen == {(child.pid, child.pid, os.getpid(), reset, "zbp", "zbp")}


def probe_of(section: str):
    spec = object_spec()
    spec.functions["see"] = Asm().mov_imm(R0, 0).exit_().function("see", section)
    spec.programs["see"] = program("see", section)
    return spec


def test_a_program_is_told_its_place() -> None:
    features.since("6.0", "attach_btf_id of struct bpf_prog_info")
    with probe_of("tp_btf/sched_switch").load() as probe:
        info = probe.programs["see"].info
        types = vmlinux.vmlinux()
        (place,) = types.find("btf_trace_sched_switch", 8)
        assert info["attach_btf_id"] == types.id_of(place)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            "tp_btf/sched_swich",
            "the running kernel has no tracepoint 'sched_swich'; did you mean sched_switch",
        ),
        ("fentry/vfs_reed", "the running kernel has no function 'vfs_reed'; did you mean .*vfs_read"),
        ("lsm/file_opem", "the running kernel has no LSM hook 'file_opem'; did you mean file_open"),
        ("iter/tusk", "the running kernel has no iterator 'tusk'; did you mean task"),
    ],
)
def test_wrong_names(section: str, message: str) -> None:
    if section.startswith("lsm/") and not any(True for _ in vmlinux.vmlinux().names("bpf_lsm_")):
        with pytest.raises(UnsupportedError, match=r"Linux 5\.7(.|\n)*CONFIG_BPF_LSM"):
            probe_of(section).load()
        return
    with pytest.raises(NotFoundError, match=message):
        probe_of(section).load()


@pytest.mark.parametrize("section", ["fentry/do_nanosleep", "fexit/do_nanosleep", "lsm/file_open"])
def test_other_kinds_load_and_attach_where_the_kernel_can(section: str) -> None:
    try:
        probe = probe_of(section).load()
    except Error as error:
        pytest.skip(f"this kernel loads no {section}: {error}")
    with probe:
        try:
            (link,) = probe.attach()
        except Error as error:
            pytest.skip(f"this kernel attaches no {section}: {error}")
        assert link.attached
