"""CO-RE from Zig on the running kernel: what the probe reads is what /proc and the kernel's BTF say."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from pyzbpf.btf import decode
from pyzbpf.btf import types as kinds
from pyzbpf.errors import UnsupportedError
from pyzbpf.kernel import vmlinux
from tests.support import features, zig_probes

VMLINUX = Path("/sys/kernel/btf/vmlinux")
MODES = ["fast", "small"]


def stat_field(number: int) -> int:
    """A field of /proc/self/stat as proc(5) numbers them."""
    text = Path("/proc/thread-self/stat").read_text()
    return int(text.rpartition(")")[2].split()[number - 3])


def test_a_kernel_without_types_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(vmlinux, "FOLDER", str(tmp_path / "nothing"))
    monkeypatch.setattr(vmlinux, "_kernel", None)
    with pytest.raises(UnsupportedError, match=r"Linux 5\.4(.|\n)*CONFIG_DEBUG_INFO_BTF=y(.|\n)*btf="):
        zig_probes.spec("core").load()


@pytest.fixture(scope="module")
def btf() -> decode.Btf:
    """The kernel's types, all of them, read once."""
    features.needs_types()
    return decode.decode(VMLINUX.read_bytes(), sys.byteorder)


@pytest.mark.parametrize("mode", MODES)
def test_every_form_reads_the_truth(mode: str, btf: decode.Btf) -> None:
    task_id = btf.find("task_struct", kinds.STRUCT)
    task = btf.get(task_id)
    pid_offset = next(m.bit_offset // 8 for m in task.members if m.name == "pid")
    maps = dict(btf.get(btf.find("bpf_map_type", kinds.ENUM)).values)
    with zig_probes.spec("core", mode).load() as probe:
        assert probe.programs["ask"].test_run(context=bytes(96)).retval == 0
        value = {name: variable.value for name, variable in probe.variables.items()}
    assert value["pid"] == threading.get_native_id()
    assert (value["tgid"], value["parent"]) == (os.getpid(), os.getppid())
    command = Path("/proc/thread-self/comm").read_text().strip()
    assert value["command"] == value["text"] == command and chr(value["letter"]) == command[0]
    assert value["start_code"] == stat_field(26)
    assert value["start_time"] // 10_000_000 == pytest.approx(stat_field(22), abs=2)
    assert value["runtime"] > 0 and value["reset_on_fork"] == 0
    assert (value["pid_exists"], value["never_exists"], value["flavour_exists"]) == (True, False, False)
    assert (value["comm_size"], value["task_size"], value["missing_size"]) == (16, task.size, 0)
    assert (value["task_exists"], value["missing_exists"]) == (True, False)
    assert value["ring_value"] == maps["BPF_MAP_TYPE_RINGBUF"]
    assert value["hash_value"] == maps["BPF_MAP_TYPE_HASH"]
    assert (value["value_exists"], value["is_signed"]) == (False, True)
    # Those of mm_struct are in a struct without a name, where `typeMatches` does not look.
    assert list(value["members_match"]) == [True, True, *[False] * 6] and not value["matches"]
    assert (value["task_id"], value["pid_offset"]) == (task_id, pid_offset)
    assert value["guarded"] == 5
    # CONFIG_PID_NS or not, the first number is that of the outermost namespace, and `level` counts them from 0.
    assert value["root_number"] > 0 and value["level"] < 32
    upid = btf.get(btf.find("upid", kinds.STRUCT))
    numbers = next(m for m in btf.get(btf.find("pid", kinds.STRUCT)).members if m.name == "numbers")
    assert value["numbers_offset"] == (0 if btf.size_of(numbers.type) else upid.size)


def test_a_bit_field_follows_the_kernel() -> None:
    features.needs_types()
    with zig_probes.spec("core").load() as probe:
        variable = probe.variables["reset_on_fork"]
        policy = os.sched_getscheduler(0)
        for flag in (0, os.SCHED_RESET_ON_FORK):
            os.sched_setscheduler(0, policy | flag, os.sched_param(0))
            try:
                probe.programs["ask"].test_run(context=bytes(96))
                assert variable.value == int(bool(flag))
            finally:
                os.sched_setscheduler(0, policy & ~os.SCHED_RESET_ON_FORK, os.sched_param(0))
