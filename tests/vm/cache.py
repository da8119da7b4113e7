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
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
            with temporary() as making:
                half = making / "folder"
                half.mkdir()
                make(half)
                half.rename(target)
    return target


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    """A folder for work in hand, beside the cache so that it has as much room.

    Its owner holds a lock on it, which the kernel lets go when the process ends, however it ends: what a
    killed process has left is removed by the next one that comes here.
    """
    home = folder() / "work"
    home.mkdir(exist_ok=True)
    with locked("work"):
        for left in home.iterdir():
            if (owner := _alone(left)) is not None:
                shutil.rmtree(left, ignore_errors=True)
                os.close(owner)
        made = Path(tempfile.mkdtemp(dir=home))
        held = _alone(made)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)  # what a program we ended still writes goes with the next run
        if held is not None:
            os.close(held)


def _alone(path: Path) -> int | None:
    """A descriptor that holds the folder, or None where its owner does or has just removed it."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
