"""The SDK without a kernel: its own tests, and its documentation by Zig's generator."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pyzbpf.build import compiler

ROOT = Path(__file__).parents[2]
SDK = ROOT / "zig"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "ZIG_LOCAL_CACHE_DIR": str(tmp_path / "cache"),
        "ZIG_GLOBAL_CACHE_DIR": str(compiler.global_cache(tmp_path / "global")),
    }


def run(*arguments: str | Path, environment: dict[str, str], cwd: Path) -> None:
    command = [compiler.find_zig(), *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_runs_on_the_host(environment: dict[str, str], tmp_path: Path) -> None:
    modules = ("--dep", "bpf", f"-Mroot={SDK / 'tests' / 'host.zig'}", f"-Mbpf={SDK / 'bpf.zig'}")
    run("test", *modules, environment=environment, cwd=tmp_path)


def test_the_documentation_can_be_made(environment: dict[str, str], tmp_path: Path) -> None:
    pages = tmp_path / "docs"
    options = ("-fno-emit-bin", f"-femit-docs={pages}", "-target", "bpfel-freestanding")
    run("build-lib", *options, SDK / "bpf.zig", environment=environment, cwd=tmp_path)
    assert {"index.html", "main.js", "main.wasm", "sources.tar"} <= {path.name for path in pages.iterdir()}
    assert b"/// A hash table" in (pages / "sources.tar").read_bytes()
