"""`pyzbpf new`: what it makes builds, passes its own tests and type check, and is formatted."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pyzbpf.build import compiler
from pyzbpf.cli import new
from tests.packaging.environments import Environment, clean_environment, zig_build, zig_builds
from tests.support.kernel import obstacle

# Template -> what its probe does with an event, what loses it, and what the project's test says then.
LOST = {
    "tracepoint": ("events.submit(event)", "events.discard(event)", "no event of process "),
    "usdt": ("events.submit(event)", "events.discard(event)", "no import of this by process "),
    "profile": ("process.pid() == 0", "process.pid() != 0", "no sample of this process"),
}


def make(template: str, folder: Path) -> Path:
    """A fresh project of the template."""
    name = f"my-{template}.tool"
    for file, text in new.files(name, template).items():
        path = folder / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / name


@pytest.mark.parametrize("template", sorted(new.KINDS))
def test_a_new_project(
    template: str, builder: Environment, installed: Path, tool_site: Path, tmp_path: Path
) -> None:
    project = make(template, tmp_path)
    wheel = builder.build_wheel(project, tmp_path / "dist")
    assert wheel.name == f"my_{template}_tool-0.1.0-py3-none-any.whl"
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    user = Environment(tmp_path / "user", site, installed, tool_site)

    done = user.run("-m", "pytest", "-rs", "-p", "no:cacheprovider", cwd=project, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    if template not in ("kprobe", "lsm") and not obstacle():
        assert "SKIPPED" not in done.stdout, done.stdout
    assert user.run("-m", f"my_{template}_tool", "--help").stdout.startswith("usage: ")

    subprocess.run([compiler.find_zig(), "fmt", "--check", "build.zig", "probes"], cwd=project, check=True)
    for tool, command in (
        ("ruff", ["check", "--isolated", "--select=E,F,W,UP,B,SIM,RUF,PT,C4", "--line-length=110", "."]),
        ("ruff", ["format", "--isolated", "--check", "--line-length=110", "."]),
        ("twine", ["check", "--strict", wheel]),
        ("mypy", ["--no-error-summary", f"--python-executable={user.python}", "src", "tests"]),
    ):  # fmt: skip
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"{tool} is missing: pip install 'pyzbpf[test]'")
        done = subprocess.run(
            [sys.executable, "-m", tool, *command],
            cwd=project,
            env=clean_environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.kernel
@pytest.mark.skipif(bool(obstacle()), reason=obstacle() or "it can")
@pytest.mark.parametrize("template", LOST)
def test_a_lost_event_is_a_failure(
    template: str, builder: Environment, installed: Path, tool_site: Path, tmp_path: Path
) -> None:
    """The test of a new project does not wait for ever for what does not come."""
    project = make(template, tmp_path)
    (probe,) = (project / "probes").glob("*.zig")
    (test,) = (path for path in (project / "tests").glob("*.py") if "PATIENCE_S" in path.read_text())
    sent, lost, told = LOST[template]
    for path, old, other in ((probe, sent, lost), (test, "PATIENCE_S = ", "PATIENCE_S = 0.01 * ")):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, other))
    site = tmp_path / "site"
    with zipfile.ZipFile(builder.build_wheel(project, tmp_path / "dist")) as archive:
        archive.extractall(site)
    user = Environment(tmp_path / "user", site, installed, tool_site)
    done = user.run("-m", "pytest", "-rs", "-p", "no:cacheprovider", test, cwd=project, check=False)
    if "1 skipped" in done.stdout.splitlines()[-1]:
        pytest.skip("needs a Python built with its probes: install Debian's python3")
    assert f"AssertionError: {told}" in done.stdout


def test_the_build_file_for_zls(builder: Environment, tmp_path: Path) -> None:
    """Zls runs the build file to learn of module `bpf`; so do we."""
    project = make("xdp", tmp_path)
    zig_build(project, "check", f"-Dpython={builder.python}")
    probe = project / "probes" / "limit.zig"
    probe.write_text(probe.read_text().replace(".drop", ".dropp"))
    done = zig_builds(project, "check", f"-Dpython={builder.python}")
    assert done.returncode != 0
    assert "has no member named 'dropp'" in done.stderr
