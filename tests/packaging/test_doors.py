"""The three doors, an example of each: loopback (no build script), forks (CMake) and exits (build.zig)."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from pyzbpf.build import compiler
from tests.packaging.environments import (
    BUILD,
    ROOT,
    Environment,
    clean_environment,
    configure_error,
    copy_project,
    found_python,
    isolated_build,
    need,
    other_pythons,
    zig_build,
)
from tests.support.examples import while_processes_start
from tests.support.kernel import obstacle

# Example -> its probe and program.
DOORS = {"loopback": ("loopback", "watch"), "forks": ("forked", "forked"), "exits": ("exited", "exited")}


def shipped(project: str) -> set[str]:
    """What the wheel of an example must hold of its probe."""
    probe, _ = DOORS[project]
    ends = (".bpfel.o", ".bpfeb.o", "_skel.py", "_skel.pyi")
    return {f"{project}/{probe}{end}" for end in ends} | {f"{project}/_pyzbpf_index.py"}


def by_pip(
    builder: Environment, project: str, folder: Path, generator: str = "Ninja", **variables: str
) -> Path:
    """The wheel of a copy in ``folder`` by pip, without isolation."""
    need(generator)
    builder.run(
        "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", folder / "out",
        copy_project(ROOT / "examples" / project, folder / project),
        environment={"CMAKE_GENERATOR": generator, **variables},
    )  # fmt: skip
    (wheel,) = (folder / "out").glob("*.whl")
    return wheel


@pytest.mark.parametrize("project", DOORS)
def test_both_build_tools(builder: Environment, tmp_path: Path, project: str) -> None:
    """Ninja and Makefiles, in two places, with Zig's cache filled and empty: one wheel, with all that belongs to it."""
    # An empty one costs `zig build` minutes: that is left to the first build on a machine.
    cache = {} if project == "exits" else {"ZIG_GLOBAL_CACHE_DIR": str(tmp_path / "cache")}
    first = by_pip(builder, project, tmp_path / "one")
    second = by_pip(builder, project, tmp_path / "two" / "deeper", "Unix Makefiles", **cache)
    assert first.name == f"{project}-0.1.0-py3-none-any.whl"
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size <= 12_000
    probe, _ = DOORS[project]
    objects = {f"{project}/{probe}.{machine}.o" for machine in compiler.ARCHITECTURES.values()}
    with zipfile.ZipFile(first) as archive:
        names = set(archive.namelist())
        info = f"{project}-0.1.0.dist-info"
        ours = {f"{project}/{name}" for name in (f"{probe}_skel.py", f"{probe}_skel.pyi", "_pyzbpf_index.py")}
        assert {name for name in names if not name.startswith(info)} == objects | ours | {
            f"{project}/__init__.py"
        }
        assert not [name for name in names if os.fsencode(tmp_path) in archive.read(name)]
        assert b"Of " in archive.read(f"{project}/{probe}_skel.pyi") or project == "loopback", "doc comments"
        bill = json.loads(archive.read(f"{info}/sboms/pyzbpf.cdx.json"))
        hashes = {
            part["name"]: part["hashes"][0]["content"] for part in bill["components"] if "hashes" in part
        }
        assert hashes == {name: hashlib.sha256(archive.read(name)).hexdigest() for name in objects}
        record = archive.read(f"{info}/RECORD").decode().splitlines()
        assert [line.split(",")[0] for line in record] == archive.namelist()
    assert bill["metadata"]["component"]["purl"] == f"pkg:pypi/{project}@0.1.0"
    assert {part["name"] for part in bill["components"] if "purl" in part} == {"pyzbpf", "ziglang"}


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("project", DOORS)
def test_isolated(builder: Environment, wheel: Path, tool_site: Path, tmp_path: Path, project: str) -> None:
    """As in a user's hands: sdist, the wheel from it, requirements from the index, no cmake and no ninja on PATH."""
    folder = tmp_path / "dist"
    (tmp_path / "bare").mkdir()
    folder.mkdir()
    shutil.copy(wheel, folder)
    source = copy_project(ROOT / "examples" / project, tmp_path / project)
    builder.run("-m", "build", "--no-isolation", "--sdist", "--outdir", folder, source)
    (sdist,) = folder.glob(f"{project}-*.tar.gz")
    isolated_build(sdist, folder, PATH=str(tmp_path / "bare"))
    (built,) = folder.glob(f"{project}-*.whl")
    assert built.read_bytes() == by_pip(builder, project, tmp_path / "again").read_bytes()

    environment = Environment(tmp_path / "user", tool_site)
    environment.run("-m", "pip", "install", "--no-deps", "--no-index", built, wheel)
    probe, program = DOORS[project]
    (item,) = json.loads(environment.run("-m", "pyzbpf", "inspect", f"{project}:{probe}", "--json").stdout)
    assert [found["name"] for found in item["programs"]] == [program]
    command = [environment.scripts / project]
    assert "--count" in subprocess.check_output([*command, "--help"], env=clean_environment(), text=True)
    if not obstacle():
        shown = while_processes_start(
            environment.scripts / project, "--count", "1", environment=clean_environment()
        )
        assert re.fullmatch(r"\d+ .+\n", shown)


@other_pythons
def test_every_python_builds_the_same(
    builder: Environment, installed: Path, tool_site: Path, tmp_path: Path, python: str
) -> None:
    """What is in a wheel does not tell which Python has built it."""
    python = found_python(python)
    path = os.pathsep.join(map(str, (installed, tool_site)))
    environment = {**clean_environment(), "PYTHONPATH": path}
    # Older than 3.11 they want tomli, and this Python's packages need not have it.
    if subprocess.run(
        [python, "-c", "import scikit_build_core.build"], env=environment, capture_output=True
    ).returncode:
        pytest.skip(f"{python} lacks what scikit-build-core needs: {python} -m pip install scikit-build-core")
    project = copy_project(ROOT / "examples" / "loopback", tmp_path / "loopback")
    done = subprocess.run(
        [python, "-c", BUILD, tmp_path], cwd=project, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with (
        zipfile.ZipFile(tmp_path / done.stdout.splitlines()[-1]) as made,
        zipfile.ZipFile(builder.build_wheel(project, tmp_path / "ours")) as ours,
    ):
        assert {name: made.read(name) for name in made.namelist()} == {
            name: ours.read(name) for name in ours.namelist()
        }


def test_zig_build_alone(builder: Environment, tmp_path: Path) -> None:
    """Door C without a wheel and without network: where the SDK is is all that `zig build` is told."""
    project = copy_project(ROOT / "examples" / "exits", tmp_path / "alone")
    sdk = builder.run("-m", "pyzbpf.build.sdk").stdout.strip()
    zig_build(project, f"--fork={sdk}", f"-Dpython={builder.python}")
    with zipfile.ZipFile(by_pip(builder, "exits", tmp_path / "wheel")) as archive:
        for machine in compiler.ARCHITECTURES.values():
            made = project / "zig-out" / f"exited.{machine}.o"
            assert made.read_bytes() == archive.read(f"exits/exited.{machine}.o")


ZIG_BUILD = """
cmake_minimum_required(VERSION 3.20...4.1)
project(exits LANGUAGES NONE)
find_package(pyzbpf REQUIRED CONFIG)
pyzbpf_add_zig_build({})
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "PROBES is missing"),
        ("PROBES exited", "PROBES are name=file, not '.*exited'"),
        ("PROBES exited=probes/none.zig", r"probes/none\.zig does not exist"),
        ("PROBES exited=probes/exited.zig DIRECTORY probes", r"there is no build\.zig in .*/probes"),
        (
            "PROBES exited=probes/exited.zig ENDIAN middle",
            "ENDIAN must be one of both;host;little;big, not middle",
        ),
    ],
)
def test_wrong_arguments_of_the_cmake_function(
    installed: Path, tmp_path: Path, arguments: str, message: str
) -> None:
    project = copy_project(ROOT / "examples" / "exits", tmp_path / "exits")
    (project / "CMakeLists.txt").write_text(ZIG_BUILD.format(arguments))
    assert re.search(message, configure_error(project, installed, tmp_path / "tree"))
