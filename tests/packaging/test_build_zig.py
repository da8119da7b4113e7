"""The root build.zig: the same objects as the wheel's, and a package for build.zig files of others.

`zig build` compiles its own build runner first, for minutes where nothing is cached; ZIG_DEBUG_CMD=1
makes that half a minute.
"""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from pyzbpf.build import compiler
from tests.packaging.environments import ROOT, Environment, clean_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

BUILD = """
const std = @import("std");
const pyzbpf = @import("pyzbpf");

pub fn build(b: *std.Build) void {
    const python = b.option([]const u8, "python", "Python with pyzbpf");
    for ([_]std.builtin.Endian{ .little, .big }) |endian| {
        const object = pyzbpf.addProbe(b, .{
            .name = "loopback",
            .root_source_file = b.path("probes/loopback.zig"),
            .endian = endian,
            .python = python,
        });
        const name = b.fmt("loopback.{s}.o", .{pyzbpf.architecture(endian)});
        b.getInstallStep().dependOn(&b.addInstallFile(object, name).step);
    }
    const raw = pyzbpf.addProbe(b, .{
        .name = "loopback",
        .root_source_file = b.path("probes/loopback.zig"),
        .mode = .small,
        .cpu = .v4,
        .raw = true,
    });
    b.getInstallStep().dependOn(&b.addInstallFile(raw, "raw.o").step);
}
"""
ZON = """
.{
    .name = .loopback,
    .version = "0.1.0",
    .fingerprint = 0xd36215faa894397b,
    .dependencies = .{ .pyzbpf = .{ .path = "pyzbpf" } },
    .paths = .{""},
}
"""


def zig_build(project: Path, *options: str) -> None:
    done = subprocess.run(
        [compiler.find_zig(), "build", "--summary", "failures", *options],
        cwd=project,
        env={**clean_environment(), "ZIG_DEBUG_CMD": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


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


def test_a_package_of_others(
    installed: Path, builder: Environment, example: Callable[[str], Path], tmp_path: Path
) -> None:
    """The installed pyzbpf is a Zig package: addProbe() gives what the wheel build gives."""
    project = example("zig")
    (project / "pyzbpf").mkdir()
    for name in ("build.zig", "build.zig.zon", "zig"):
        source = installed / "pyzbpf" / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, project / "pyzbpf" / name)
    (project / "build.zig").write_text(BUILD)
    (project / "build.zig.zon").write_text(ZON)
    zig_build(project, "--prefix", str(tmp_path / "out"), f"-Dpython={builder.python}")
    with zipfile.ZipFile(builder.build_wheel(example("wheel"), tmp_path)) as archive:
        shipped = {Path(name).name: archive.read(name) for name in archive.namelist() if name.endswith(".o")}
    assert objects(tmp_path / "out") == shipped
    assert (tmp_path / "out" / "raw.o").is_file()


def test_another_zig_is_named(tmp_path: Path) -> None:
    """The message of the comptime assertion, made to speak by asking for another release."""
    for name in ("build.zig", "build.zig.zon"):
        shutil.copy(ROOT / name, tmp_path)
    path = tmp_path / "build.zig"
    path.write_text(
        path.read_text().replace(f'zig_version = "{compiler.ZIG_VERSION}"', 'zig_version = "9.9.9"')
    )
    with pytest.raises(
        AssertionError, match=f"builds probes with Zig 9.9.9, and this is {compiler.ZIG_VERSION}"
    ):
        zig_build(tmp_path)
