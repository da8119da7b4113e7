"""The C programs of tests/zig/c, compiled by the clang in Zig: objects that our finisher has not touched."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from pathlib import Path

from pyzbpf.build import compiler
from pyzbpf.errors import BuildError
from tests.support.require import missing

FOLDER = Path(__file__).parents[1] / "zig" / "c"


@functools.cache
def path(name: str, *options: str, endian: str = sys.byteorder) -> Path:
    """The object of ``name``.c as clang leaves it."""
    try:
        zig = compiler.find_zig()
    except BuildError as error:
        missing("zig", str(error))
    target = _folder() / f"{'-'.join((name, endian, *options))}.o"
    machine = {"little": "bpfel", "big": "bpfeb"}[endian]
    command = [zig, "cc", "-target", f"{machine}-freestanding", "-O2", "-g", *options]
    subprocess.run([*command, "-c", FOLDER / f"{name}.c", "-o", target], check=True)
    return target


@functools.cache
def _folder() -> Path:
    import atexit
    import shutil

    folder = tempfile.mkdtemp(prefix="pyzbpf-tests-c-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
