"""What is tested: the built wheels, the tests, and all they need, in one archive for every architecture."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

from tests.support import prebuilt
from tests.vm import cache, cpio, processes, userland

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).parents[2]
# What the tests import, taken from where this Python has it: all of it is plain Python.
LIBRARIES = ("pytest", "pluggy", "iniconfig", "packaging", "pygments", "pyelftools")
CARRIED = ("tests/kernel", "tests/support", "tests/zig/c", "tests/zig/probes", "tests/vm/guest", "zig/probes")
# What makes the probes: the rooms of the build's half, and what is compiled.
SOURCES = ("zig", "tests/zig", "tests/support", "tests/oracle/corpus",
           *(f"pyzbpf/{room}" for room in ("build", "finish", "spec", "btf", "elf", "insn", "uapi")))  # fmt: skip
NOT_SOURCE = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "*.o", "zig-out", "zig-pkg")


def _hash(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _files(*folders: str, kinds: Sequence[str]) -> list[Path]:
    return [
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in kinds and "__pycache__" not in path.parts
    ]


def probes() -> Path:
    """The folder with every object that the tests would compile; made again when a source changes."""
    sources = _files(*SOURCES, kinds=(".zig", ".c", ".h", ".py"))
    return cache.kept(f"probes/{_hash(sources)}", prebuilt.build_all)


def build_wheels(folder: Path) -> list[Path]:
    """Build the wheel of pyzbpf and, with it, those of the examples.

    From copies of the sources: a build leaves files in its tree. By a Python beside this one that finds the same
    packages, but runs no .pth file of theirs: an editable install of pyzbpf would put its own tree before the copy.
    """
    wheels = []
    with cache.temporary() as work:
        site = work / "site"
        python = work / "python"
        path = os.pathsep.join(
            [str(site), *sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})]
        )
        processes.run(
            [sys.executable, "-m", "venv", "--without-pip", python], environment=dict(os.environ), cwd=work
        )
        for project in (ROOT, *sorted(path.parent for path in (ROOT / "examples").glob("*/pyproject.toml"))):
            name = "pyzbpf" if project == ROOT else project.name
            source = shutil.copytree(project, work / "sources" / name, ignore=NOT_SOURCE)
            target = work / "wheels" / name
            command = [python / "bin/python", "-m", "pip", "-q", "wheel", "--no-deps", "--no-build-isolation"]
            environment = {
                **os.environ, "PYTHONPATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "TMPDIR": str(work)
            }  # fmt: skip
            processes.run([*command, source, "--wheel-dir", target], environment=environment, cwd=work)
            (wheel,) = target.glob("*.whl")
            if not wheel.name.endswith("-py3-none-any.whl"):
                raise SystemExit(f"{wheel.name} is not for every machine")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
            wheels.append(Path(shutil.copy(wheel, folder)))
    return wheels


def _install_libraries(site: Path) -> None:
    for name in LIBRARIES:
        for file in importlib.metadata.files(name) or []:
            if ".." in file.parts or "__pycache__" in file.parts or file.suffix in (".so", ".pyd"):
                continue
            target = site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), target)


def pack(archive: Path, wheels: Iterable[Path], *, arguments: Sequence[str], work: Path) -> None:
    """Write the archive: init, the wheels unpacked, the tests, and pytest's arguments."""
    root = work / "root"
    suite, site = root / "suite", root / "suite" / "site"
    site.mkdir(parents=True)
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as unpacked:
            unpacked.extractall(site)
    _install_libraries(site)
    for name in CARRIED:
        shutil.copytree(ROOT / name, suite / name, ignore=NOT_SOURCE)
    shutil.copy(ROOT / "pyproject.toml", suite)
    shutil.copytree(probes(), suite / "probes")
    environment = {
        "PYZBPF_TEST_PROBES": "/suite/probes",
        "PYZBPF_REQUIRE": "kernel,bpftool,ip,veth,cgroup2",
        "PYZBPF_VM": "1",
        # Ours among them, which the guest's own program has imported before pytest could.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    asked = {"arguments": [*arguments, "-p", "no:cacheprovider"], "environment": environment}
    (suite / "run.json").write_text(json.dumps(asked))
    shutil.copy(ROOT / "tests/vm/guest/init", root / "init")
    userland.compile_all(site, root)
    userland.compile_all(suite / "tests/support", root)
    _compile_tests(suite)
    cpio.pack(root, archive)


def _compile_tests(suite: Path) -> None:
    """Let pytest rewrite the assertions of all tests here, where it is fast, and keep its bytecode for the guests.

    They are collected as in a guest, so that what cannot be is seen before one is booted.
    """
    if not userland.same_python():
        return
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    asked = json.loads((suite / "run.json").read_text())["environment"]
    environment |= {**asked, "PYTHONPATH": str(suite / "site"), "PYZBPF_TEST_PROBES": str(suite / "probes")}
    collect = "import sys, pyzbpf, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    command = [
        sys.executable,
        "-c",
        collect,
        "-q",
        "--collect-only",
        "-p",
        "no:cacheprovider",
        "tests/kernel",
    ]
    done = subprocess.run(command, cwd=suite, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the tests cannot be collected:\n{done.stdout}{done.stderr}")
