"""The hooks: found lazily, filled in with what a project of probes needs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import pyzbpf.build
from pyzbpf.build import sdk, settings
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


@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_the_backend_asks_for_the_compiler(
    backend: ModuleType, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(Path(pyzbpf.build.__file__).parents[2])
    wanted = getattr(backend, f"get_requires_for_build_{kind}")()
    assert [text for text in wanted if text.startswith("ziglang")] == [f"ziglang=={sdk.zig_version()}"]


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
        common=settings.Options(mode="safe", cpu="v3", modules={}, include=[]),
        endian="both",
        package="my.tool",
    )
    wheel = tmp_path / "x-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("my/tool/first.bpfel.o", "")
    with pytest.raises(BuildError, match=r"would lack my/tool/first\.bpfeb\.o; .* pyzbpf_add_project\(\)"):
        wheels.check(wheel, found)
    assert not wheel.exists()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("my/tool/first.bpfel.o", "")
        archive.writestr("my/tool/first.bpfeb.o", "")
    wheels.check(wheel, found)


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
        probes={"first": source},
        options={},
        common=settings.Options(mode="safe", cpu="v3", modules={}, include=[]),
        patterns=[],
        endian="both",
        package="tool",
    )


def test_what_a_wheel_must_not_hold(tmp_path: Path) -> None:
    for name, data in (
        ("tool__x_dot_so", b"\x7fELF\x02\x01" + bytes(12) + b"\x3e\0"),  # x86-64
        ("tool__x_dot_exe", b"MZ" + bytes(20)),
        ("tool__x_dot_dylib", b"\xcf\xfa\xed\xfe" + bytes(20)),
    ):
        wheel, found = made(tmp_path, **{name: data})
        with pytest.raises(BuildError, match=r"named for every platform, but tool/x\.\w+ runs on one only"):
            wheels.check(wheel, found)
        assert not wheel.exists()
        wheel, found = made(tmp_path, "my_tool-1-py3-none-linux_x86_64.whl", **{name: data})
        wheels.check(wheel, found)


def test_files_are_in_one_order(tmp_path: Path) -> None:
    """Scikit-build-core writes what is in .dist-info as the file system lists it, which is another on each machine."""
    info = "my_tool-1.dist-info"
    files = [
        "tool/z.py",
        "tool/a.py",
        f"{info}/METADATA",
        f"{info}/sboms/x",
        f"{info}/licenses/B",
        f"{info}/licenses/A",
    ]
    wheels_made = []
    for number, names in enumerate([files, [*files[:2], *reversed(files[2:])]]):
        wheel = tmp_path / f"{number}.whl"
        record = "".join(f"{name},sha256=x,{len(name)}\n" for name in names)
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, text in [
                *((name, name) for name in names),
                (f"{info}/RECORD", f"{record}{info}/RECORD,,\n"),
            ]:
                archive.writestr(zipfile.ZipInfo(name), text)
        wheels.put_in_order(wheel)
        wheels_made.append(wheel.read_bytes())
        with zipfile.ZipFile(wheel) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == [
                "tool/z.py", "tool/a.py", *(f"{info}/{end}" for end in ("METADATA", "licenses/A", "licenses/B", "sboms/x")),
                f"{info}/RECORD",
            ]  # fmt: skip
            rows = [line.split(",") for line in archive.read(f"{info}/RECORD").decode().splitlines()]
        assert [row[0] for row in rows] == archive.namelist()
        assert rows[0] == ["tool/z.py", "sha256=x", "9"]
    assert wheels_made[0] == wheels_made[1]
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["0.whl", "1.whl"]


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
