"""The ten probes of docs/comparison: ours compile, and the page counts what is there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pyzbpf
from scripts import compare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_page_is_up_to_date() -> None:
    assert compare.PAGE.read_text() == compare.page(), "run python -m scripts.compare"


def test_every_tool_has_every_probe() -> None:
    missing = {(p, t) for p in compare.PROBES for t in compare.TOOLS if not compare.counted(p, t)}
    assert missing == {("packets", "bpftrace")}
    assert {path.name for path in compare.FOLDER.iterdir()} == set(compare.PROBES)


@pytest.mark.parametrize("probe", compare.PROBES)
def test_ours_compile(probe: str, compile_text: Callable[..., dict[str, bytes]]) -> None:
    for data in compile_text((compare.FOLDER / probe / "pyzbpf.zig").read_text()).values():
        assert pyzbpf.open(data).programs
    script = compare.FOLDER / probe / "pyzbpf.py"
    ast.parse(script.read_text())
    assert f'"tools:{probe}"' in script.read_text()


def test_hello_world_is_short() -> None:
    """At most 15 lines of Zig and 8 of Python, every line counted that is not blank."""

    def all_lines(path: Path) -> int:
        return sum(bool(line.strip()) for line in path.read_text().splitlines())

    assert all_lines(compare.FOLDER / "opens" / "pyzbpf.zig") <= 15
    assert all_lines(compare.FOLDER / "opens" / "pyzbpf.py") <= 8
