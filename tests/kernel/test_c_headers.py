"""A probe in C, compiled with our headers, sees what it says it sees."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pyzbpf
from pyzbpf.build.compile import build_probe
from tests.support.zig_probes import need_compiler

SOURCE = Path(__file__).parents[1] / "zig" / "c_headers" / "exec.c"


def test_a_program_that_starts(tmp_path: Path) -> None:
    need_compiler()
    (path,) = build_probe(SOURCE, endian="host", output_directory=tmp_path)
    with pyzbpf.open(path) as spec, spec.load() as probe:
        probe.attach()
        child = subprocess.Popen(["sleep", "0"])
        child.wait()
        event = next(event for event in probe.maps["events"] if event.pid == child.pid)
        assert (event.parent, event.comm) == (os.getpid(), "sleep")
        assert event.grandparent == os.getppid()
        assert event.port.to_bytes(2, "big" if spec.endian == "big" else "little") == b"\x12\x34"
        assert event.first_byte == 0x45, "the bit fields of struct iphdr lie as the byte order wants them"
        assert probe.maps["counts"][child.pid] == 1
