"""Our part of other people's test suites, run as one: pytest in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.kernel import obstacle

ROOT = Path(__file__).parents[2]
PROBE = """
const std = @import("std");
const bpf = @import("bpf");
const wire = @import("wire");

pub const programs = .{ .keep = "socket" };
export var counts: bpf.Hash(u32, u64, 16) linksection(".maps") = .{};
export var most: u32 linksection(".rodata") = 5;

pub fn keep(ctx: *bpf.SkBuff) i32 {
    return if (isLong(ctx.len)) 0 else 1;
}

fn isLong(length: u32) bool {
    return length > wire.longest;
}

test "a long one" {
    try std.testing.expect(isLong(wire.longest + 1));
}

test isLong {
    std.debug.print("said before\\n", .{});
    try std.testing.expectEqual(@as(u32, 1), 2);
}

test "left out" {
    return error.SkipZigTest;
}

test "with a \\"quote\\"" {}

test {
    try std.testing.expect(true);
}
"""
TESTS = """
import os, pytest, pyzbpf

def test_loads(bpf_probe):
    probe = bpf_probe("probes/keep.zig", variables={"most": 9}, attach=False)
    assert probe.spec.variables["most"].value == 9 and probe.programs["keep"].fileno() > 0

def test_is_found_from_elsewhere(bpf_probe, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert bpf_probe("probes/keep.zig", attach=False).programs["keep"].fileno() > 0

def test_closes_what_it_opened(bpf_probe):
    for _ in range(3):
        bpf_probe("probes/keep.zig")

def test_leaves_a_descriptor(bpf_probe):
    probe = bpf_probe("probes/keep.zig", attach=False)
    global kept
    kept = os.dup(probe.maps["counts"].fileno())

def test_does_not_compile(bpf_probe):
    bpf_probe("probes/broken.zig")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "probes").mkdir()
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\n[tool.pyzbpf]\nprobes = ["probes/*.zig"]\nmodules = { wire = "wire.zig" }\n'
    )
    (tmp_path / "wire.zig").write_text("pub const longest = 100;\n")
    (tmp_path / "probes" / "keep.zig").write_text(PROBE)
    return tmp_path


def run(project: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "pyzbpf.pytest_plugin", "-p", "no:cacheprovider",
         "-p", "no:hypothesispytest", *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.zig
def test_zigs_tests_are_pytests(project: Path) -> None:
    output = run(project, "probes")
    assert "PASSED probes/keep.zig::a long one" in output
    assert "FAILED probes/keep.zig::isLong" in output
    assert "said before\nexpected 1, found 2" in output
    assert "SKIPPED [1] probes/keep.zig:28" in output or "error.SkipZigTest" in output
    assert "1 failed, 2 passed, 1 skipped" in output
    (project / "probes" / "keep.zig").write_text(PROBE.replace("isLong(ctx.len)", "isLonger(ctx.len)"))
    assert "use of undeclared identifier 'isLonger'" in run(project, "probes")


def test_zig_files_of_others_are_left_alone(project: Path) -> None:
    (project / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert "no tests ran" in run(project, "probes")


@pytest.mark.zig
def test_without_a_compiler_they_are_skipped(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYZBPF_ZIG", "/nonexistent/zig")
    output = run(project, "probes")
    assert "4 skipped" in output
    assert "the Zig compiler /nonexistent/zig cannot be run" in output


@pytest.mark.zig
@pytest.mark.kernel
@pytest.mark.skipif(bool(obstacle()), reason=obstacle() or "it can")
def test_the_fixture(project: Path) -> None:
    (project / "probes" / "broken.zig").write_text("const x = ;\n")
    (project / "test_it.py").write_text(TESTS)
    output = run(project, "test_it.py")
    assert "PASSED test_it.py::test_loads" in output
    assert "PASSED test_it.py::test_is_found_from_elsewhere" in output
    assert "PASSED test_it.py::test_closes_what_it_opened" in output
    assert "ERROR test_it.py::test_leaves_a_descriptor" in output
    assert "descriptors stay open" in output
    assert "bpf-map" in output
    assert "FAILED test_it.py::test_does_not_compile" in output
    assert "broken.zig:1:11: error" in output


@pytest.mark.zig
@pytest.mark.kernel
@pytest.mark.skipif(bool(obstacle()) or not hasattr(os, "setuid"), reason=obstacle() or "needs setuid")
def test_without_privilege_it_skips(project: Path) -> None:
    (project / "test_it.py").write_text(
        "import ctypes, os\n"
        "def test_it(bpf_probe):\n"
        "    from pyzbpf.build.compile import build_source\n"
        "    import pyzbpf.spec.open, pyzbpf.runtime.object, pyzbpf.pytest_plugin as plugin, pathlib, tempfile\n"
        "    (path,) = build_source(pathlib.Path('probes/keep.zig'), endian='host',\n"
        "                          output_directory=pathlib.Path(tempfile.mkdtemp()))\n"
        "    data = path.read_bytes()\n"
        "    import pyzbpf.spec.read\n"
        "    os.seteuid(65534)\n"
        "    try:\n"
        "        bpf_probe(data)\n"
        "    finally:\n"
        "        os.seteuid(0)\n"
    )
    output = run(project, "test_it.py")
    assert "1 skipped" in output, output
    assert "needs the privilege to load BPF programs" in output


def test_the_reason_of_a_skip_is_one_line(project: Path) -> None:
    """What it is, what to do, and who knows more."""
    (project / "test_it.py").write_text(
        "import pyzbpf\n"
        "class Spec:\n"
        "    def load(self):\n"
        "        raise pyzbpf.UnsupportedError('sleeping', since='5.10', advice='Take a newer kernel.')\n"
        "def test_it(bpf_probe, monkeypatch):\n"
        "    monkeypatch.setattr(pyzbpf, 'open', lambda _: Spec())\n"
        "    bpf_probe('x:y')\n"
    )
    reason = (
        "sleeping is not supported here (needs Linux 5.10 or newer). Take a newer kernel. "
        "`pyzbpf doctor` says what this kernel can do"
    )
    assert reason in run(project, "test_it.py")
