"""Finished objects as text, beside what they were: a change of types, code or references is a visible one.

PYZBPF_BLESS=1 pytest tests/zig/test_golden.py rewrites the texts; read the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyzbpf.build.compile import build_probe
from pyzbpf.finish import unit
from pyzbpf.finish.text import text

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden"
ENDIANS = ["little", "big"]
PROBES = ["historic", "hostile", "core_twin", "externals", "declarations", "shapes", "subprograms"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("name", PROBES)
def test_finished_objects_are_what_they_were(name: str, endian: str, tmp_path: Path, cache: Path) -> None:
    source = HERE / "probes" / f"{name}.zig"
    (path,) = build_probe(source, endian=endian, mode="fast", output_directory=tmp_path, cache=cache)
    lines = "\n".join(text(unit.read(path.read_bytes(), file=name))) + "\n"
    golden = GOLDEN / f"{name}.{endian}.txt"
    if os.environ.get("PYZBPF_BLESS"):
        golden.write_text(lines)
    assert golden.exists(), "PYZBPF_BLESS=1 writes it"
    assert lines.splitlines() == golden.read_text().splitlines()
