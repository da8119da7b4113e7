"""The bill of materials, and what an object must not tell."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.build import bill, compiler, sdk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def job(folder: Path, **changes: str) -> str:
    """A job with two objects and what is written for them, as CMake writes it."""
    objects = folder / "objects" / "tool"
    objects.mkdir(parents=True, exist_ok=True)
    for machine in compiler.ARCHITECTURES.values():
        (objects / f"first.{machine}.o").write_text(machine)
    for name in ("first_skel.py", "first_skel.pyi", "_pyzbpf_index.py"):
        (objects / name).write_text("")
    path = folder / "job.json"
    path.write_text(
        json.dumps(
            {
                "name": "My_tool",
                "version": "1",
                "objects": f"{objects}/first.bpfel.o;{objects}/first.bpfeb.o",
                "object_directory": str(objects.parent),
                "install_directory": "",
                "project_directory": str(folder / "project"),
                "bill": str(folder / "bill.json"),
                **changes,
            }
        )
    )
    return str(path)


def written(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "bill.json").read_text())
    return found


def test_what_it_says(tmp_path: Path) -> None:
    assert bill.main([job(tmp_path)]) == 0
    found = written(tmp_path)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["component"]["purl"] == "pkg:pypi/my-tool@1"
    parts = {part["name"]: part for part in found["components"]}
    assert list(parts) == ["pyzbpf", "ziglang", "tool/first.bpfel.o", "tool/first.bpfeb.o"]
    assert parts["ziglang"]["version"] == sdk.zig_version()
    assert parts["pyzbpf"]["version"] == pyzbpf.__version__
    digest = hashlib.sha256(b"bpfel").hexdigest()
    assert parts["tool/first.bpfel.o"]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    first = (tmp_path / "bill.json").read_bytes()
    assert bill.main([job(tmp_path)]) == 0
    assert (tmp_path / "bill.json").read_bytes() == first


def test_names_are_those_in_the_wheel(tmp_path: Path) -> None:
    """With wheel.install-dir of [tool.scikit-build] the objects are below that folder."""
    assert bill.main([job(tmp_path, install_directory="plugins")]) == 0
    assert written(tmp_path)["components"][2]["name"] == "plugins/tool/first.bpfel.o"


@pytest.mark.parametrize("name", ["first.bpfeb.o", "first_skel.pyi", "_pyzbpf_index.py"])
def test_a_path_of_the_builder(tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str) -> None:
    path = job(tmp_path)
    (tmp_path / "objects" / "tool" / name).write_text(f"x = '{tmp_path}/project/probes/first.zig'")
    assert bill.main([path]) == 1
    assert (
        f"pyzbpf: error: {name} would tell where it was built ({tmp_path}/project)" in capfd.readouterr().err
    )
    assert not (tmp_path / "bill.json").exists()


def test_a_project_at_the_top_has_no_telling_path(tmp_path: Path) -> None:
    path = job(tmp_path, project_directory="/src")
    (tmp_path / "objects" / "tool" / "first.bpfel.o").write_text("/src/")
    assert bill.main([path]) == 0
