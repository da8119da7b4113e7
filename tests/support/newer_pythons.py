"""Pythons of Debian's archive that a stable release does not have: unpacked, not installed, with a C library of their own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.require import missing
from tests.vm import cache, packages

VERSIONS = ("3.14", "3.15")
SUITE = "sid"
FORMAT = 1  # of a folder in the cache; counted up when what is kept there changes
# What the interpreter and the modules that we and our build tools import are linked with.
LIBRARIES = (
    "libbz2-1.0", "libc6", "libexpat1", "libffi8", "liblzma5", "libssl3t64", "libuuid1", "libzstd1", "zlib1g",
)  # fmt: skip
# The system's loader would take the system's C library, which is older than they want.
START = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/{libraries}/{loader}" --argv0 "$here/{name}" --library-path "$here/{libraries}" "$here/{name}.real" "$@"
"""


def find(version: str) -> str:
    """The program, downloaded if need be; the test is skipped where that cannot be."""
    try:
        folder = cache.kept(f"pythons/{version}-{FORMAT}", lambda half: _unpack(version, half))
    except (packages.Unavailable, OSError, subprocess.CalledProcessError) as error:
        missing("archive", f"needs Python {version} of Debian's archive: {error}")
    return str(folder / "usr/bin" / f"python{version}")


def _unpack(version: str, folder: Path) -> None:
    names = [f"{name.format(version)}/{SUITE}" for name in (
        "python{}", "python{}-minimal", "libpython{}-minimal", "libpython{}-stdlib", *LIBRARIES,
    )]  # fmt: skip
    packages.unpack(packages.architecture(), names, folder)
    start = folder / "usr/bin" / f"python{version}"
    start.rename(start.with_name(f"{start.name}.real"))
    (loader,) = (folder / "usr/lib").glob("*-linux-gnu/ld-linux*.so.*")
    libraries = f"../lib/{loader.parent.name}"
    start.write_text(START.format(loader=loader.name, libraries=libraries, name=start.name))
    start.chmod(0o755)
