"""`pyzbpf build --keep`: every stage of a build, and a script that repeats it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pyzbpf.build.compile import build_probe
from pyzbpf.errors import BuildError, ObjectError

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


def test_every_stage_is_kept_and_can_be_repeated(tmp_path: Path) -> None:
    keep = tmp_path / "kept here"
    (finished,) = build_probe(
        HERE / "probes" / "subprograms.zig", endian="little", output_directory=tmp_path / "out", keep=keep
    )
    names = sorted(path.name for path in keep.iterdir())
    assert "subprograms.bpfel.raw.o" in names and "subprograms.bpfel.00-raw.txt" in names
    assert any(name.endswith("-type-names.txt") for name in names)
    script = keep / "subprograms.bpfel.repeat.sh"
    assert os.access(script, os.X_OK)
    (keep / "subprograms.bpfel.raw.o").unlink()
    subprocess.run([script], check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (keep / "subprograms.bpfel.o").read_bytes() == finished.read_bytes()


def test_what_a_refused_object_went_through_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "probe.zig"
    source.write_text(
        'const bpf = @import("bpf");\npub const license = "MIT";\n'
        'export fn prog(_: *bpf.XdpMd) linksection("xdp") c_int { bpf.printk("x", .{}); return 2; }\n'
    )
    with pytest.raises((BuildError, ObjectError)):
        build_probe(source, endian="big", output_directory=tmp_path / "out", keep=tmp_path / "keep")
    assert (tmp_path / "keep" / "probe.bpfeb.00-raw.txt").exists()
