"""What the README shows compiles and does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pyzbpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_first_probe(compile_text: Callable[..., dict[str, bytes]]) -> None:
    spec = pyzbpf.open(compile_text(blocks("zig")[0])["little"])
    assert list(spec.programs) == ["started"]
    assert spec.variables["only_uid"].value == 0xFFFFFFFF
    assert spec.btf is not None
    assert spec.btf.describe(spec.maps["events"].event_type) == "struct Event"


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_the_probes_of_the_zig_page(number: int, compile_text: Callable[..., dict[str, bytes]]) -> None:
    page = (ROOT / "docs" / "zig.md").read_text()
    found = re.findall(r"```zig\n(.*?)```", page, re.DOTALL)
    assert len(found) == 10
    for data in compile_text(found[number]).values():
        assert pyzbpf.open(data).programs


def test_the_historic_probe(compile_text: Callable[..., dict[str, bytes]]) -> None:
    (historic,) = [block for block in blocks("zig") if "socket1" in block]
    assert list(pyzbpf.open(compile_text(historic)["big"]).programs) == ["bpf_prog"]
    assert historic in (ROOT / "tests" / "zig" / "probes" / "historic.zig").read_text()


def test_the_project_is_the_examples() -> None:
    (shown,) = blocks("toml")
    example = (ROOT / "examples" / "loopback" / "pyproject.toml").read_text()
    for line in (
        'requires = ["pyzbpf[build]"]',
        'build-backend = "pyzbpf.build"',
        'probes = ["probes/*.zig"]',
    ):
        assert line in shown and line in example


@pytest.mark.parametrize(
    ("example", "file"), [("forks", "CMakeLists.txt"), ("exits", "build.zig"), ("exits", "CMakeLists.txt")]
)
def test_the_other_doors_are_the_examples(example: str, file: str) -> None:
    page = (ROOT / "docs" / "packaging.md").read_text()
    text = (ROOT / "examples" / example / file).read_text()
    assert text in page or text.splitlines()[-1] in page.splitlines()


def test_ci_runs_the_test_command() -> None:
    commands = [
        line for line in README.splitlines() if line.startswith("apt-get") and line.endswith("pytest")
    ]
    assert len(commands) == 1
    assert "README.md" in (ROOT / ".ci" / "run").read_text()
