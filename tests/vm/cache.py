"""Where kernels and userlands are kept between runs: outside of the tree, safe against a second process.

A thing is made in a folder of its own and moved to its place when it is whole, so that an
interrupted download leaves nothing that could be taken for a finished one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LEFT = 24 * 3600  # seconds after which nobody works in a folder any more


def folder() -> Path:
    """``$PYZBPF_VM_CACHE``, or ``pyzbpf-vm`` in the user's folder for caches."""
    own = os.environ.get("PYZBPF_VM_CACHE")
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    found = Path(own) if own else Path(caches) / "pyzbpf-vm"
    found.mkdir(parents=True, exist_ok=True)
    return found


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold ``name`` alone among all processes; the kernel lets it go when the process ends."""
    path = folder() / "locks" / name.replace("/", "_")
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """The folder ``name`` of the cache; where it is missing, ``make(folder)`` fills a new one first."""
    target = folder() / name
    with locked(name):
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as making:
                half = Path(making) / "folder"
                half.mkdir()
                make(half)
                half.rename(target)
    return target


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    """A folder for work in hand, beside the cache so that it has as much room."""
    for left in folder().glob(".work-*"):  # by a process that was killed
        if time.time() - left.stat().st_mtime > LEFT:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder(), prefix=".work-") as name:
        yield Path(name)
