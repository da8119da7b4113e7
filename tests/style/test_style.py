"""The linters, the type checker and the formatters, as tests: what they say is what a reader gets."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from pyzbpf.build import compiler
from pyzbpf.errors import BuildError
from tests.support.require import missing

ROOT = Path(__file__).parents[2]


def run(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [("check",), ("format", "--check")], ids=["check", "format"])
def test_ruff(arguments: tuple[str, ...]) -> None:
    if importlib.util.find_spec("ruff") is None:
        missing("style", "needs ruff: pip install 'pyzbpf[test]'")
    run(sys.executable, "-m", "ruff", *arguments, ".")


def test_mypy() -> None:
    if importlib.util.find_spec("mypy") is None:
        missing("style", "needs mypy: pip install 'pyzbpf[test]'")
    run(sys.executable, "-m", "mypy")


def test_zig_fmt() -> None:
    try:
        zig = compiler.find_zig()
    except BuildError as error:
        missing("zig", str(error))
    run(zig, "fmt", "--check", "build.zig", "zig", "tests/zig", "examples")
