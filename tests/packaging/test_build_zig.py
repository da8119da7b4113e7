"""The root build.zig: the same objects as the wheel's. What others' build.zig files get is in test_doors.py.

`zig build` compiles its own build runner first, for minutes where nothing is cached; ZIG_DEBUG_CMD=1
makes that half a minute.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from pyzbpf.build import sdk
from tests.packaging.environments import ROOT, Environment, zig_build


def objects(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.bpf*.o")}


def test_the_probes_are_the_wheels(
    source_tree: Path, self_builder: Environment, wheel: Path, tmp_path: Path
) -> None:
    zig_build(source_tree, "--prefix", str(tmp_path), f"-Dpython={self_builder.python}")
    with zipfile.ZipFile(wheel) as archive:
        shipped = {Path(name).name: archive.read(name) for name in archive.namelist() if name.endswith(".o")}
    assert objects(tmp_path) == shipped


def test_raw_needs_no_python(source_tree: Path, tmp_path: Path) -> None:
    zig_build(source_tree, "--prefix", str(tmp_path), "-Dpython=/nonexistent", "-Draw")
    assert all(b".debug_info" in data for data in objects(tmp_path).values())
    assert objects(tmp_path)


def test_the_sdks_own_tests(source_tree: Path) -> None:
    zig_build(source_tree, "test")


def test_another_zig_is_named(tmp_path: Path) -> None:
    """The message of the comptime assertion, made to speak by asking for another release."""
    for name in ("build.zig", "build.zig.zon"):
        shutil.copy(ROOT / name, tmp_path)
    path = tmp_path / "build.zig.zon"
    path.write_text(path.read_text().replace(sdk.zig_version(), "9.9.9"))
    with pytest.raises(
        AssertionError, match=f"builds probes with Zig 9.9.9, and this is {sdk.zig_version()}"
    ):
        zig_build(tmp_path)
