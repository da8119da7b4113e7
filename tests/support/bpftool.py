"""Another loader as a witness: Debian's bpftool, which is libbpf."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import tempfile

from tests.support.require import missing
from tests.support.sent import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.support.sent import Instruction

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
BPFTOOL = shutil.which("bpftool", path=PATH)


def _run(arguments: tuple[str | Path, ...]) -> subprocess.CompletedProcess[str]:
    if BPFTOOL is None:
        missing("bpftool", "needs bpftool: apt-get install bpftool")
    return subprocess.run([BPFTOOL, *arguments], capture_output=True, text=True, check=False)


def bpftool(*arguments: str | Path) -> str:
    """What it prints; a failure is one of the test."""
    done = _run(arguments)
    assert done.returncode == 0, f"bpftool {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}"
    return done.stdout


def bpftool_refuses(*arguments: str | Path) -> str:
    """Why it fails; success is a failure of the test."""
    done = _run(arguments)
    assert done.returncode, f"bpftool {' '.join(map(str, arguments))}: succeeds"
    return done.stderr


def bpftool_words(*arguments: str | Path) -> str:
    """What it says beside its answer; a failure is one of the test."""
    done = _run(arguments)
    assert done.returncode == 0, done.stderr
    return done.stderr


def pinned(path: Path) -> dict[str, Any]:
    """What it says about a pinned program."""
    shown: dict[str, Any] = json.loads(bpftool("-j", "prog", "show", "pinned", path))
    return shown


def xlated(number: int) -> list[Instruction]:
    """The code of a loaded program as the kernel has translated it, with maps by name."""
    shown = json.loads(bpftool("-j", "prog", "show", "id", str(number)))
    maps = {found: _map_name(found) for found in shown.get("map_ids", [])}
    with tempfile.NamedTemporaryFile() as file:
        bpftool("prog", "dump", "xlated", "id", str(number), "file", file.name)
        return listing(file.read(), maps)


@functools.cache  # the kernel gives no number twice
def _map_name(number: int) -> str:
    return str(json.loads(bpftool("-j", "map", "show", "id", str(number))).get("name", ""))


@functools.cache
def type_information(number: int) -> str:
    """The types that the kernel has been given, by their number."""
    return bpftool("btf", "dump", "id", str(number))
