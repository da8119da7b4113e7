"""Another loader as a witness: Debian's bpftool, which is libbpf."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess

import pytest

from tests.support.require import missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
BPFTOOL = shutil.which("bpftool", path=PATH)


def bpftool(*arguments: str | Path) -> str:
    """What it prints; a failure is one of the test."""
    if BPFTOOL is None:
        missing("bpftool", "needs bpftool: apt-get install bpftool")
    done = subprocess.run([BPFTOOL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"bpftool {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}"
    return done.stdout


def pinned(path: Path) -> dict[str, Any]:
    """What it says about a pinned program."""
    shown: dict[str, Any] = json.loads(bpftool("-j", "prog", "show", "pinned", path))
    return shown


def mounted(folder: Path) -> Iterator[Path]:
    """A BPF file system of our own, for as long as the generator lives."""
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"bpf", os.fsencode(folder), b"bpf", 0, None):
        pytest.fail(f"no bpf file system: {os.strerror(ctypes.get_errno())}")
    try:
        yield folder
    finally:
        libc.umount2(os.fsencode(folder), 2)
