"""The wheel of pyzbpf itself, which goes through the door that users' projects take."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from pyzbpf.build import sdk
from tests.packaging.environments import (
    ROOT,
    Environment,
    clean_environment,
    found_python,
    isolated_build,
    other_pythons,
)
from tests.support.kernel import obstacle

SDIST = "import sys, pyzbpf.build as b; print(b.build_sdist(sys.argv[1]))"
PROBES = sorted(path.stem for path in (ROOT / "zig" / "probes").glob("*.zig"))


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_tag(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [name for name in archive.namelist() if name.endswith(".dist-info/WHEEL")]
        text = message_from_bytes(archive.read(path))
    assert text["Root-Is-Purelib"] == "true"
    assert text.get_all("Tag") == ["py3-none-any"]


def test_contents(wheel: Path) -> None:
    found = names(wheel)
    objects = {f"pyzbpf/probes/{name}.{machine}.o" for name in PROBES for machine in ("bpfel", "bpfeb")}
    assert {name for name in found if name.endswith(".o")} == objects
    assert found >= {
        "pyzbpf/py.typed",
        "pyzbpf/probes/_pyzbpf_index.py",
        "pyzbpf/build.zig",
        "pyzbpf/build.zig.zon",
        "pyzbpf/zig/bpf.zig",
        "pyzbpf/build/cmake/pyzbpf-config.cmake",
        "pyzbpf/build/cmake/pyzbpf-config-version.cmake",
        "pyzbpf/build/cmake/project/CMakeLists.txt",
    }
    sources = {
        path.relative_to(ROOT / "zig").as_posix()
        for path in (ROOT / "zig").rglob("*.*")
        if path.suffix in (".zig", ".h")
    }
    sources = {name for name in sources if not name.startswith("tests/")}
    assert {name.removeprefix("pyzbpf/zig/") for name in found if name.startswith("pyzbpf/zig/")} == sources
    suffixes = {Path(name).suffix for name in found if ".dist-info/" not in name}
    assert suffixes <= {".py", ".pyi", ".typed", ".zig", ".zon", ".h", ".o", ".cmake", ".txt", ".in"}, (
        "nothing for one machine only"
    )


def test_no_place_of_the_build_is_in_it(wheel: Path, source_tree: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            assert os.fsencode(source_tree) not in data, name
            assert os.fsencode(Path.home()) + b"/" not in data, name


def test_bill_of_materials(wheel: Path) -> None:
    """PEP 770: what it was made with, and the hash of each object."""
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [name for name in archive.namelist() if "/sboms/" in name]
        assert path.endswith(".dist-info/sboms/pyzbpf.cdx.json")
        bill = json.loads(archive.read(path))
        hashes = {
            part["name"]: part["hashes"][0]["content"] for part in bill["components"] if "hashes" in part
        }
        for name, digest in hashes.items():
            assert hashlib.sha256(archive.read(name)).hexdigest() == digest
        record = archive.read(path.replace("sboms/pyzbpf.cdx.json", "RECORD")).decode().splitlines()
    assert len(hashes) == 2 * len(PROBES)
    assert {line.rpartition(",")[0].rpartition(",")[0] for line in record} == names(wheel)
    assert {part["name"]: part["version"] for part in bill["components"] if "purl" in part} == {
        "ziglang": sdk.zig_version()
    }


def test_a_package_index_would_take_it(wheel: Path) -> None:
    if importlib.util.find_spec("twine") is None:
        pytest.skip("twine is missing: pip install twine")
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", wheel], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        text = message_from_bytes(archive.read(path))
        points = archive.read(path.replace("METADATA", "entry_points.txt")).decode()
    needed = [line for line in text.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert [line.split(">")[0] for line in needed] == ["pyelftools"]
    assert text["Requires-Python"] == ">=3.10"
    assert set(text.get_all("Provides-Extra", [])) == {
        "build", "numpy", "arrow", "prometheus", "disassembly", "test",
    }  # fmt: skip
    assert "pyzbpf = pyzbpf.cli.main:main" in points
    assert "[cmake.root]\npyzbpf = pyzbpf.build.cmake" in points


def test_the_sdist_builds_the_same_wheel(
    wheel: Path, source_tree: Path, self_builder: Environment, tmp_path: Path
) -> None:
    name = self_builder.run("-c", SDIST, tmp_path, cwd=source_tree).stdout.splitlines()[-1]
    with tarfile.open(tmp_path / name) as archive:
        members = archive.getnames()
        # Debian 12's Python 3.11.2 is older than the argument, which newer ones ask for.
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(tmp_path / "elsewhere", **safe)
    (top,) = (tmp_path / "elsewhere").iterdir()
    assert not [member for member in members if member.endswith((".o", ".pyc"))]
    assert {f"{top.name}/zig/bpf.zig", f"{top.name}/build.zig", f"{top.name}/pyproject.toml"} <= set(members)
    again = self_builder.build_wheel(top, tmp_path / "again", ZIG_GLOBAL_CACHE_DIR=str(tmp_path / "cache"))
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_isolated(index: None, wheel: Path, source_tree: Path, tmp_path: Path) -> None:
    """By pip's rules, with what [build-system] requires and nothing else: the same wheel."""
    isolated_build(source_tree, tmp_path)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_fresh_environment(index: None, wheel: Path, tmp_path: Path) -> None:
    """What a user gets: no compiler, no build tools, a command and the probes."""
    folder = tmp_path / "fresh"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")

    def run(*command: str | Path) -> str:
        environment = clean_environment()
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(scripts / "python", "-m", "pip", "install", "--quiet", wheel)
    listed = json.loads(run(scripts / "python", "-m", "pip", "list", "--format=json"))
    assert {item["name"] for item in listed} <= {"pyzbpf", "pyelftools", "pip", "setuptools"}
    version = wheel.name.split("-")[1]
    assert run(scripts / "pyzbpf", "--version") == f"pyzbpf {version}\n"
    assert run(scripts / "python", "-c", "import pyzbpf; print(pyzbpf.__version__)") == f"{version}\n"
    for name in PROBES:
        (item,) = json.loads(run(scripts / "pyzbpf", "inspect", f"pyzbpf.probes:{name}", "--json"))
        assert item["endian"] == sys.byteorder
        assert item["programs"]
    assert f"{wheel.name}/pyzbpf/probes/{PROBES[0]}.bpfeb.o: big-endian" in run(
        scripts / "pyzbpf", "inspect", wheel
    )


def test_zipped(wheel: Path, tmp_path: Path) -> None:
    """From the wheel as it is, and without pyelftools: the index stands for parsing."""
    environment = Environment(tmp_path / "bare")
    done = environment.run(
        "-c",
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import pyzbpf\n"
        "for name in sys.argv[2:]:\n"
        "    with pyzbpf.open(f'pyzbpf.probes:{name}') as spec:\n"
        "        assert spec.programs and 'elftools' not in sys.modules\n"
        "        print(spec.name, spec.file)\n",
        wheel,
        *PROBES,
    )
    assert [line.split()[0] for line in done.stdout.splitlines()] == PROBES
    assert all(str(wheel) in line for line in done.stdout.splitlines())


LOAD = """
import sys, warnings
warnings.simplefilter("error")
sys.path.insert(0, sys.argv[1])
import pyzbpf, pkgutil, importlib
for module in pkgutil.walk_packages(pyzbpf.__path__, "pyzbpf."):
    if not module.name.startswith(("pyzbpf.build.backend", "pyzbpf.pytest_plugin", "pyzbpf.__main__")):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            assert not error.name.startswith("pyzbpf"), error
from pyzbpf.probes import loopback_skel
with loopback_skel.open() as spec:
    print(sys.version_info[:2], list(spec.programs))
    if sys.argv[2]:
        with spec.load() as probe:
            print(probe.attach())
"""


@other_pythons
def test_other_pythons(wheel: Path, python: str) -> None:
    """The same wheel in every Python that is here: each module imports, a probe opens, and loads as root."""
    done = subprocess.run(
        [found_python(python), "-I", "-c", LOAD, wheel, "" if obstacle() else "load"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "['" in done.stdout


@pytest.mark.parametrize("rebuilt", [False, True], ids=["plain", "rebuilding"])
def test_editable(source_tree: Path, tool_site: Path, tmp_path: Path, rebuilt: bool) -> None:
    project = tmp_path / "pyzbpf"
    shutil.copytree(source_tree, project)
    environment = Environment(tmp_path / "editable", tool_site)
    settings = ["build-dir=tree", "editable.rebuild=true", "editable.verbose=false"] if rebuilt else []
    options = [f"--config-settings={setting}" for setting in settings]
    environment.run("-m", "pip", "install", "--no-deps", "--no-build-isolation", *options, "-e", project)
    done = environment.run(
        "-c",
        "import pyzbpf, pyzbpf.build.sdk as sdk, pathlib\n"
        "print(pathlib.Path(pyzbpf.__file__).parent)\n"
        "print(sdk.root())\n"
        f"print(*[pyzbpf.open('pyzbpf.probes:' + name).name for name in {PROBES!r}])\n",
    )
    assert done.stdout.splitlines()[-3:] == [str(project / "pyzbpf"), str(project), " ".join(PROBES)]
