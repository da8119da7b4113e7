"""Folders as initramfs archives: the format `newc` of the kernel's early-userspace/buffer-format document.

Not compressed, so that a kernel needs no option for it; the kernel takes several, one after the other.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

MAGIC = b"070701"


def _entry(
    out: BinaryIO, name: str, data: bytes = b"", *, mode: int = 0, time: int = 0, number: int = 0
) -> None:
    path = name.encode() + b"\0"
    # ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
    fields = (number, mode, 0, 0, 1, time, len(data), 0, 0, 0, 0, len(path), 0)
    head = MAGIC + b"".join(b"%08x" % field for field in fields) + path
    out.write(head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4))


def pack(folder: Path, archive: Path) -> None:
    """Write everything below a folder, as root's, into an archive."""
    with archive.open("wb") as out:
        number = 0
        for top, folders, files in os.walk(folder):
            folders.sort()
            links = [name for name in folders if os.path.islink(os.path.join(top, name))]
            for name in sorted([*folders, *files]):
                path = os.path.join(top, name)
                found = os.lstat(path)
                number += 1
                data = b""
                if name in links or stat.S_ISLNK(found.st_mode):
                    data = os.readlink(path).encode()
                elif stat.S_ISREG(found.st_mode):
                    with open(path, "rb") as file:
                        data = file.read()
                relative = os.path.relpath(path, folder)
                _entry(out, relative, data, mode=found.st_mode, time=int(found.st_mtime), number=number)
        _entry(out, "TRAILER!!!")
        out.write(bytes(-out.tell() % 512))
