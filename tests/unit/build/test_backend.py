"""The hooks: found lazily, filled in with what a project of probes needs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import pyzbpf.build
from pyzbpf.build import settings
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


def test_a_wheel_without_its_objects_is_refused(backend: ModuleType, tmp_path: Path) -> None:
    found = settings.Settings(
        probes={"first": tmp_path / "first.zig"},
        patterns=["*.zig"],
        options={},
        endian="both",
        package="my.tool",
    )
    wheel = tmp_path / "x.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("my/tool/first.bpfel.o", "")
    with pytest.raises(BuildError, match=r"would lack my/tool/first\.bpfeb\.o; .* pyzbpf_add_project\(\)"):
        backend._check_wheel(wheel, found)
    assert not wheel.exists()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("my/tool/first.bpfel.o", "")
        archive.writestr("my/tool/first.bpfeb.o", "")
    backend._check_wheel(wheel, found)


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
