"""`pyzbpf types` on the running kernel's BTF: what it prints compiles and reads right values."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.build.compile import build_probe
from pyzbpf.cli.main import main
from tests.support import zig_probes

PROGRAM = """
export var pid: i32 = 0;
export var parent: i32 = 0;
export var start: u64 = 0;
export fn ask(_: *bpf.RawTracepoint) linksection("raw_tp/sys_enter") c_int {
    const task = bpf.core.currentTask(task_struct);
    pid = bpf.core.read(task, "tgid");
    parent = bpf.core.read(task, "real_parent.tgid");
    start = bpf.core.read(task, "mm.start_code");
    return 0;
}
"""


def test_what_it_prints_is_a_probes_first_half(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zig_probes.path("historic")  # skips where there is no compiler
    assert main(["types", "task_struct:tgid,comm,real_parent.tgid,mm.start_code,sched_reset_on_fork"]) == 0
    source = tmp_path / "printed.zig"
    source.write_text(capsys.readouterr().out + PROGRAM)
    (path,) = build_probe(source, endian="host", output_directory=tmp_path)
    with pyzbpf.open(path).load() as probe:
        probe.programs["ask"].test_run(context=bytes(96))
        assert probe.variables["pid"].value == os.getpid()
        assert probe.variables["parent"].value == os.getppid()
        assert probe.variables["start"].value > 0


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["types", "task_struct", "--btf", "no/such.btf"]) == 1
    assert "no/such.btf: cannot be read" in capsys.readouterr().err
