"""Pythons that hold just what a test wants, copies of projects, and ways to build them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

from pyzbpf.build import compiler
from tests.support import newer_pythons

ROOT = Path(__file__).resolve().parents[2]
OTHERS = sorted(
    {
        found
        for minor in range(10, 16)
        for pattern in (f"3.{minor}", f"3.{minor}t")
        for found in (
            shutil.which(f"python{pattern}"),
            *map(str, Path.home().glob(f".pyenv/versions/{pattern}.*/bin/python")),
        )
        # shims of pyenv are there for every Python, and run none unless told to
        if found and "shims" not in found and Path(found).resolve() != Path(sys.executable).resolve()
    }
)
# A test of each takes `found_python` of it.
other_pythons = pytest.mark.parametrize("python", [*OTHERS, *newer_pythons.VERSIONS])
# What CMake can write for -> the program that it takes.
GENERATORS = {"Ninja": "ninja", "Unix Makefiles": "make"}
BUILD = "import sys, pyzbpf.build as b; print(b.build_wheel(sys.argv[1]))"


def found_python(python: str) -> str:
    """The program of one of `other_pythons`: Debian's newer ones are fetched when they are asked for."""
    return newer_pythons.find(python) if python in newer_pythons.VERSIONS else python


class Environment:
    """A Python that sees the given folders, and nothing else that is installed."""

    def __init__(self, folder: Path, *paths: Path) -> None:
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        self.scripts = folder / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.scripts / "python"
        (site,) = [path for path in folder.rglob("site-packages") if path.is_dir()]
        (site / "given.pth").write_text("".join(f"{path}\n" for path in paths))

    def run(
        self,
        *arguments: str | Path,
        cwd: Path | None = None,
        check: bool = True,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``python ARGUMENT...``; a failure shows what it printed."""
        done = subprocess.run(
            [self.python, *arguments],
            cwd=cwd or self.folder,
            env={**clean_environment(), **(environment or {})},
            capture_output=True,
            text=True,
        )
        if check and done.returncode:
            pytest.fail(f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def build_wheel(self, project: Path, output: Path, **environment: str) -> Path:
        """The wheel of a project by our hook, without isolation."""
        output.mkdir(parents=True, exist_ok=True)
        done = self.run("-c", BUILD, output, cwd=project, environment=environment)
        return output / done.stdout.splitlines()[-1]


def need(generator: str) -> None:
    """Skip where the build tool of one of `GENERATORS` is missing."""
    program = GENERATORS[generator]
    if shutil.which(program) is None:
        pytest.skip(f"the build tool of {generator} is missing: install {program}")


def clean_environment() -> dict[str, str]:
    """Ours, without what would reach into the environments under test."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "SKBUILD"))}


def copy_project(source: Path, target: Path) -> Path:
    """The files that belong to a project, without what tools have left in it."""
    ignore = shutil.ignore_patterns(
        ".git", "__pycache__", ".*_cache", ".hypothesis", ".zig-cache", "zig-out", "*.o", "*.egg-info"
    )
    shutil.copytree(source, target, ignore=ignore)
    return target


def isolated_build(project: Path, output: Path, **variables: str) -> None:
    """The wheel of a folder or an sdist by pip, isolated, as a user has it; the wheels in ``output`` are at hand for it."""
    output.mkdir(parents=True, exist_ok=True)
    links = f"{os.environ.get('PIP_FIND_LINKS', '')} {output}".strip()
    with tempfile.TemporaryDirectory() as folder:
        # A Python without the .pth files of ours: pip 23 lets an editable install of pyzbpf stand for the project's.
        python = Environment(Path(folder) / "python", Path(sysconfig.get_path("purelib")))
        python.run(
            *("-m", "pip", "wheel", "--no-deps", "--wheel-dir", output, project),
            cwd=output,
            environment={"PIP_FIND_LINKS": links, **variables},
        )


def zig_build(project: Path, *options: str) -> None:
    """``zig build`` as a user runs it; half a minute where Zig's cache is empty."""
    done = zig_builds(project, *options)
    assert done.returncode == 0, done.stderr


def zig_builds(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The same, whether it ends well or not."""
    return subprocess.run(
        [compiler.find_zig(), "build", "--summary", "failures", *options],
        cwd=project,
        env={**clean_environment(), "ZIG_DEBUG_CMD": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )


def configure_error(project: Path, installed: Path, tree: Path) -> str:
    """What CMake says of a CMakeLists.txt that it must refuse, in one line."""
    cmake = shutil.which("cmake")
    if cmake is None:
        pytest.skip("cmake is missing: install it")
    done = subprocess.run(
        [
            cmake,
            f"-Dpyzbpf_ROOT={installed / 'pyzbpf' / 'build' / 'cmake'}",
            f"-DPython_EXECUTABLE={sys.executable}",
            f"-DSKBUILD_PROJECT_NAME={project.name}",
            "-S",
            project,
            "-B",
            tree,
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    return " ".join(done.stderr.split())
