"""The probes of tests/zig/probes and the demos, compiled once for this machine.

Where ``PYZBPF_TEST_PROBES`` names a folder that `build_all` has filled, they are taken from there: a
machine without a compiler runs the same tests (docs/kernels.md).
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import pyzbpf
from pyzbpf.build import compiler
from pyzbpf.build.compile import build_probe
from pyzbpf.errors import BuildError
from tests.support.require import missing

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "tests" / "zig" / "probes", ROOT / "zig" / "probes")
MODES = ("safe", "small", "fast")


def prebuilt(*parts: str) -> Path | None:
    """A file of the folder in ``PYZBPF_TEST_PROBES``; None where the variable is not set."""
    folder = os.environ.get("PYZBPF_TEST_PROBES")
    if not folder:
        return None
    found = Path(folder, *parts)
    if not found.exists():
        pytest.fail(f"PYZBPF_TEST_PROBES has no {'/'.join(parts)}: tests.support.prebuilt makes it")
    return found


def need_compiler() -> None:
    """Skip where there is no Zig."""
    try:
        compiler.find_zig()
    except BuildError as error:
        missing("zig", str(error))


@functools.cache
def path(name: str, mode: str = "safe") -> Path:
    """The finished object of a probe for this machine's byte order."""
    built = prebuilt("zig", mode, f"{name}.{compiler.ARCHITECTURES[sys.byteorder]}.o")
    if built is not None:
        return built
    need_compiler()
    source = next(folder / f"{name}.zig" for folder in FOLDERS if (folder / f"{name}.zig").exists())
    target = Path(tempfile.gettempdir()) / f"pyzbpf-tests-{_session()}" / mode
    return build_probe(source, endian="host", mode=mode, output_directory=target, cache=target / "cache")[0]


def spec(name: str, mode: str = "safe") -> pyzbpf.ObjectSpec:
    """A fresh spec of it."""
    return pyzbpf.open(path(name, mode))


def build_all(folder: Path) -> None:
    """Build every probe in every mode for both byte orders, where `path` looks for them."""
    sources = [source for place in FOLDERS for source in sorted(place.glob("*.zig"))]
    with ProcessPoolExecutor() as pool:
        for mode in MODES:
            build = functools.partial(
                build_probe, mode=mode, output_directory=folder / "zig" / mode, cache=folder / "cache"
            )
            list(pool.map(build, sources))


@functools.cache
def _session() -> str:
    import atexit
    import shutil

    name = str(os.getpid())
    atexit.register(shutil.rmtree, Path(tempfile.gettempdir()) / f"pyzbpf-tests-{name}", ignore_errors=True)
    return name
