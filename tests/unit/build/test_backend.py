"""The hooks: found lazily, filled in with what a project of probes needs."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import pyzbpf.build
from pyzbpf.build import compiler, settings
from pyzbpf.build import wheel as wheels
from pyzbpf.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


@pytest.fixture
def backend() -> ModuleType:
    """The backend, where scikit-build-core is installed."""
    pytest.importorskip(
        "scikit_build_core", reason="scikit-build-core is missing: pip install 'pyzbpf[build]'"
    )
    from pyzbpf.build import backend as found

    return found


def test_the_door_knows_every_hook(backend: ModuleType) -> None:
    import scikit_build_core.build

    assert set(scikit_build_core.build.__all__) == pyzbpf.build.HOOKS
    for name in pyzbpf.build.HOOKS:
        assert getattr(pyzbpf.build, name) is getattr(backend, name)
    assert dir(pyzbpf.build) == sorted(pyzbpf.build.HOOKS)
    with pytest.raises(AttributeError, match=r"module 'pyzbpf\.build' has no attribute 'build_tree'"):
        pyzbpf.build.build_tree  # noqa: B018


def test_defaults_fill_only_what_is_not_said(backend: ModuleType, tmp_path: Path) -> None:
    pyproject = {"tool": {"scikit-build": {"wheel": {"py-api": "cp310"}}}}
    config = backend.with_defaults(
        pyproject, {"wheel.platlib": "true", "skbuild.wheel.reproducible": "false"}, tmp_path
    )
    assert config["wheel.platlib"] == "true"
    assert "wheel.reproducible" not in config
    assert "wheel.py-api" not in config
    assert Path(config["cmake.source-dir"], "CMakeLists.txt").is_file()
    assert config["cmake.define.PYZBPF_PROJECT_DIR"] == tmp_path.as_posix()


def test_all_defaults(backend: ModuleType, tmp_path: Path) -> None:
    assert backend.with_defaults({}, None, tmp_path) == backend.defaults(tmp_path)


def test_an_override_of_our_key_needs_a_value_for_the_rest(backend: ModuleType, tmp_path: Path) -> None:
    override = {"if": {"state": "editable"}, "wheel": {"py-api": "cp310"}}
    table: dict[str, Any] = {"overrides": [override]}
    with pytest.raises(BuildError, match=r"overrides\]\] sets wheel\.py-api, which pyzbpf sets, too"):
        backend.with_defaults({"tool": {"scikit-build": table}}, None, tmp_path)
    table["wheel"] = {"py-api": "py3"}
    assert "wheel.py-api" not in backend.with_defaults({"tool": {"scikit-build": table}}, None, tmp_path)


def test_a_wheel_without_its_objects_is_refused(tmp_path: Path) -> None:
    found = settings.Settings(
        probes={"first": tmp_path / "first.zig"},
        patterns=["*.zig"],
        options={},
        endian="both",
        package="my.tool",
    )
    wheel = tmp_path / "x-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("my/tool/first.bpfel.o", "")
    with pytest.raises(BuildError, match=r"would lack my/tool/first\.bpfeb\.o; .* pyzbpf_add_project\(\)"):
        wheels.check(wheel, found, tmp_path)
    assert not wheel.exists()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("my/tool/first.bpfel.o", "")
        archive.writestr("my/tool/first.bpfeb.o", "")
    wheels.check(wheel, found, tmp_path)


def made(
    folder: Path, name: str = "my_tool-1-py3-none-any.whl", **files: bytes
) -> tuple[Path, settings.Settings]:
    """A wheel with two objects and what else is given, and the settings that it is from."""
    wheel = folder / name
    with zipfile.ZipFile(wheel, "w") as archive:
        for machine in ("bpfel", "bpfeb"):
            archive.writestr(f"tool/first.{machine}.o", machine)
        for file, data in files.items():
            archive.writestr(file.replace("__", "/").replace("_dot_", "."), data)
        archive.writestr("my_tool-1.dist-info/METADATA", "Name: my-tool")
        archive.writestr(
            "my_tool-1.dist-info/RECORD", "tool/first.bpfel.o,sha256=x,5\nmy_tool-1.dist-info/RECORD,,\n"
        )
    source = folder / "first.zig"
    return wheel, settings.Settings(
        probes={"first": source}, options={}, patterns=[], endian="both", package="tool"
    )


def test_what_a_wheel_must_not_hold(tmp_path: Path) -> None:
    for name, data in (
        ("tool__x_dot_so", b"\x7fELF\x02\x01" + bytes(12) + b"\x3e\0"),  # x86-64
        ("tool__x_dot_exe", b"MZ" + bytes(20)),
        ("tool__x_dot_dylib", b"\xcf\xfa\xed\xfe" + bytes(20)),
    ):
        wheel, found = made(tmp_path, **{name: data})
        with pytest.raises(BuildError, match=r"named for every platform, but tool/x\.\w+ runs on one only"):
            wheels.check(wheel, found, tmp_path)
        assert not wheel.exists()
        wheel, found = made(tmp_path, "my_tool-1-py3-none-linux_x86_64.whl", **{name: data})
        wheels.check(wheel, found, tmp_path)
    wheel, found = made(tmp_path, tool__first_skel_dot_pyi=f'"""{tmp_path}/x"""'.encode())
    with pytest.raises(BuildError, match=r"tool/first_skel\.pyi would tell where it was built"):
        wheels.check(wheel, found, tmp_path)


def test_the_bill_of_materials(tmp_path: Path) -> None:
    bills = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        wheel, found = made(folder)
        wheels.add_bill(wheel, found, name="my-tool", version="1")
        bills.append(wheel.read_bytes())
        with zipfile.ZipFile(wheel) as archive:
            assert archive.testzip() is None
            bill = json.loads(archive.read("my_tool-1.dist-info/sboms/pyzbpf.cdx.json"))
            record = archive.read("my_tool-1.dist-info/RECORD").decode()
            assert archive.namelist()[-1] == "my_tool-1.dist-info/RECORD"
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["purl"] == "pkg:pypi/my-tool@1"
    parts = {part["name"]: part for part in bill["components"]}
    assert list(parts) == ["pyzbpf", "ziglang", "tool/first.bpfel.o", "tool/first.bpfeb.o"]
    assert parts["ziglang"]["version"] == compiler.ZIG_VERSION
    assert parts["tool/first.bpfel.o"]["hashes"] == [
        {"alg": "SHA-256", "content": hashlib.sha256(b"bpfel").hexdigest()}
    ]
    lines = record.splitlines()
    assert lines[0] == "tool/first.bpfel.o,sha256=x,5"
    assert re.fullmatch(r"my_tool-1\.dist-info/sboms/pyzbpf\.cdx\.json,sha256=[\w-]{43},\d+", lines[1])
    assert lines[2] == "my_tool-1.dist-info/RECORD,,"
    assert bills[0] == bills[1]


@pytest.mark.parametrize("hook", sorted(pyzbpf.build.HOOKS))
def test_every_hook_refuses_a_mistake_without_a_traceback(
    backend: ModuleType, tmp_path: Path, hook: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\nversion = "1"\n[tool.pyzbpf]\nprobe = 1\n'
    )
    argument = "" if hook.startswith("get_requires") else repr(str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", f"import pyzbpf.build as b; b.{hook}({argument})"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(pyzbpf.build.__file__).parents[2]), "SYSTEMROOT": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "pyzbpf: error: pyproject.toml: [tool.pyzbpf] has no key 'probe'; did you mean 'probes'? "
        "Allowed: probes, endian, mode, cpu, package, modules, include, override\n"
    )
