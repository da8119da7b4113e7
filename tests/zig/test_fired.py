"""Every kind of program and of map has a probe in Zig, and a test that sees it at work."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.maps.open import type_name
from pyzbpf.spec.section_table import SECTIONS
from pyzbpf.uapi import enums
from tests.support import fired, zig_probes

KERNEL = Path(__file__).parents[1] / "kernel"
MAP_TYPES = {
    type_name(number)
    for name, number in vars(enums).items()
    if name.startswith("BPF_MAP_TYPE_") and number != enums.BPF_MAP_TYPE_UNSPEC
}


def test_no_kind_is_left_out() -> None:
    assert set(fired.PROGRAMS) == {pattern.rstrip("+") for pattern, *_ in SECTIONS}
    assert set(fired.MAPS) | set(fired.UNDECLARED) == MAP_TYPES
    assert not set(fired.MAPS) & set(fired.UNDECLARED)


@functools.cache
def functions_of(file: str) -> set[str]:
    tree = ast.parse((KERNEL / f"test_{file}.py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


TESTS = sorted({test for _, test in (*fired.PROGRAMS.values(), *fired.MAPS.values())})


@pytest.mark.parametrize("test", TESTS)
def test_the_tests_are_there(test: str) -> None:
    file, _, function = test.partition("::")
    assert function in functions_of(file)


NAMES = sorted({name for name, _ in (*fired.PROGRAMS.values(), *fired.MAPS.values())})


@pytest.mark.parametrize("name", NAMES)
def test_the_probes_have_them(name: str) -> None:
    """Readers of types are shown them in both byte orders."""
    assert name in zig_probes.ALL
    spec = pyzbpf.open(zig_probes.path(name))
    programs = {kind for kind, (probe, _) in fired.PROGRAMS.items() if probe == name}
    assert programs <= {program.kind for program in spec.programs.values()}
    maps = {kind for kind, (probe, _) in fired.MAPS.items() if probe == name}
    assert maps <= {type_name(map.type) for map in spec.maps.values()}
