"""BPF file systems of our own, so that nothing depends on what is mounted, and nothing stays."""

from __future__ import annotations

import contextlib
import ctypes
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MNT_DETACH = 2


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """One at a new folder; the folder is removed with it. Raises OSError where the kernel mounts none."""
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if libc.mount(b"bpf", os.fsencode(folder), b"bpf", 0, None):
            raise OSError(ctypes.get_errno(), "no BPF file system", str(folder))
        try:
            yield folder
        finally:
            libc.umount2(os.fsencode(folder), _MNT_DETACH)
    finally:
        folder.rmdir()
