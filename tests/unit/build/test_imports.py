"""What is imported when: a light door, a compiler driver without scikit-build-core, no POSIX."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pyzbpf

PACKAGE = Path(pyzbpf.__file__).parent
POSIX_ONLY = {"crypt", "fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}
LOAD_HALF = {"adapt", "events", "kernel", "links", "maps", "runtime"}


def imported_by(statement: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"{statement}; import sys; print(*sys.modules)"],
        env={"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def test_the_door_is_light() -> None:
    bare = imported_by("pass")
    assert imported_by("import pyzbpf") - bare == {"pyzbpf"}


def test_the_driver_needs_no_scikit_build_core() -> None:
    found = imported_by("import pyzbpf.build.compiler, pyzbpf.build.settings, pyzbpf.build.compile")
    assert not [name for name in found if name.startswith(("scikit_build_core", "elftools", "ziglang"))]


@pytest.mark.parametrize(
    "path",
    sorted([*(PACKAGE / "build").rglob("*.py"), *(PACKAGE / "cli").glob("*.py")]),
    ids=lambda path: path.name,
)
def test_builds_run_on_every_system(path: Path) -> None:
    assert not imports(path) & POSIX_ONLY


@pytest.mark.parametrize("path", sorted((PACKAGE / "build").rglob("*.py")), ids=lambda path: path.name)
def test_the_build_half_knows_nothing_of_the_load_half(path: Path) -> None:
    rooms = {name.split(".")[1] for name in imports(path) if name.startswith("pyzbpf.")}
    assert not rooms & LOAD_HALF


def test_every_public_name_resolves() -> None:
    for name in pyzbpf.__all__:
        assert getattr(pyzbpf, name) is not None
    assert dir(pyzbpf) == pyzbpf.__all__
    with pytest.raises(AttributeError, match="has no attribute 'load'"):
        pyzbpf.load  # noqa: B018
