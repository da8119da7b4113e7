"""Probes that must not compile: zig/tests/reject has each with what is said (`//! refuses:`, `//! advises:`)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pyzbpf.build.compile import build_probe
from pyzbpf.errors import BuildError, ObjectError

SOURCES = sorted((Path(__file__).parents[2] / "zig" / "tests" / "reject").glob("*.zig"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("source", SOURCES, ids=[source.stem for source in SOURCES])
def test_refused(source: Path, cache: Path, tmp_path: Path) -> None:
    expected = re.findall(r"^//! (?:refuses|advises): (.*)$", source.read_text(), re.MULTILINE)
    assert expected
    with pytest.raises((BuildError, ObjectError)) as caught:
        build_probe(source, endian="little", output_directory=tmp_path / "out", cache=cache)
    said = f"{caught.value}\n{getattr(caught.value, 'output', '')}"
    for text in expected:
        assert text in said, said
