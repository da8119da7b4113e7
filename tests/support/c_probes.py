"""The C programs of tests/zig/c and tests/oracle/corpus, compiled by the clang in Zig: objects that our finisher has not touched."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from pathlib import Path

from pyzbpf.build import compiler
from tests.support.zig_probes import need_compiler, prebuilt

TESTS = Path(__file__).parents[1]
FOLDERS = (TESTS / "zig" / "c", TESTS / "oracle" / "corpus")
OPTIONS = ((), ("-mcpu=v1",), ("-mcpu=v2",), ("-mcpu=v3",), ("-mcpu=v4",))  # that tests/kernel asks for


@functools.cache
def path(name: str, *options: str, endian: str = sys.byteorder) -> Path:
    """The object of ``name``.c as clang leaves it."""
    file = f"{'-'.join((name, endian, *options))}.o"
    built = prebuilt("c", file)
    if built is not None:
        return built
    need_compiler()
    return _compile(name, options, endian, _folder() / file)


def _compile(name: str, options: tuple[str, ...], endian: str, target: Path) -> Path:
    machine = {"little": "bpfel", "big": "bpfeb"}[endian]
    command: list[str | Path] = [
        compiler.find_zig(),
        "cc",
        "-target",
        f"{machine}-freestanding",
        "-O2",
        "-g",
        *options,
    ]
    subprocess.run([*command, "-c", _source(name), "-o", target], check=True)
    return target


def _source(name: str) -> Path:
    return next(path for folder in FOLDERS if (path := folder / f"{name}.c").exists())


def build_all(folder: Path) -> None:
    """Compile every program with every `OPTIONS` for both byte orders, where `path` looks for them."""
    (folder / "c").mkdir(parents=True, exist_ok=True)
    for source in sorted(path for place in FOLDERS for path in place.glob("*.c")):
        for options in OPTIONS if source.parent == FOLDERS[0] else OPTIONS[:1]:
            for endian in ("little", "big"):
                file = f"{'-'.join((source.stem, endian, *options))}.o"
                _compile(source.stem, options, endian, folder / "c" / file)


@functools.cache
def _folder() -> Path:
    import atexit
    import shutil

    folder = tempfile.mkdtemp(prefix="pyzbpf-tests-c-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
