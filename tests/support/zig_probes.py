"""The probes of tests/zig/probes and the demos, compiled once for this machine."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import pyzbpf
from pyzbpf.build import compiler
from pyzbpf.build.compile import build_probe
from pyzbpf.errors import BuildError
from tests.support.require import missing

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "tests" / "zig" / "probes", ROOT / "zig" / "probes")


@functools.cache
def path(name: str, mode: str = "safe") -> Path:
    """The finished object of a probe for this machine's byte order."""
    try:
        compiler.find_zig()
    except BuildError as error:
        missing("zig", str(error))
    source = next(folder / f"{name}.zig" for folder in FOLDERS if (folder / f"{name}.zig").exists())
    target = Path(tempfile.gettempdir()) / f"pyzbpf-tests-{_session()}" / mode
    return build_probe(source, endian="host", mode=mode, output_directory=target, cache=target / "cache")[0]


def spec(name: str, mode: str = "safe") -> pyzbpf.ObjectSpec:
    """A fresh spec of it."""
    return pyzbpf.open(path(name, mode))


@functools.cache
def _session() -> str:
    import atexit
    import os
    import shutil

    name = str(os.getpid())
    atexit.register(shutil.rmtree, Path(tempfile.gettempdir()) / f"pyzbpf-tests-{name}", ignore_errors=True)
    return name
