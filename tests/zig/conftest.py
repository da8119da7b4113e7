"""Probes compiled by the real compiler; skipped with what to install where it is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyzbpf.build import compiler
from pyzbpf.build.compile import build_probe
from pyzbpf.errors import BuildError
from tests.support.require import missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.zig)


@pytest.fixture(scope="session", autouse=True)
def zig() -> Path:
    try:
        return compiler.find_zig()
    except BuildError as error:
        missing("zig", str(error))


@pytest.fixture
def compile_text(tmp_path: Path) -> Callable[..., dict[str, bytes]]:
    """Compile a probe given as text; returns the finished objects by byte order."""

    def compile_(text: str, **options: str) -> dict[str, bytes]:
        source = tmp_path / "probe.zig"
        source.write_text(text)
        paths = build_probe(source, output_directory=tmp_path / "out", cache=tmp_path / "cache", **options)
        return {("little" if "bpfel" in path.name else "big"): path.read_bytes() for path in paths}

    return compile_
