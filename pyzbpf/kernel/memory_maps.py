"""/proc/PID/maps: where in its memory a process has a file."""

from __future__ import annotations

import os


def address_of(process: int, file: str, offset: int) -> int | None:
    """Where the process has mapped this byte of the file; None for a process that has not, or is none."""
    wanted = os.stat(file)
    identity = (f"{os.major(wanted.st_dev):02x}:{os.minor(wanted.st_dev):02x}", str(wanted.st_ino))
    try:
        with open(f"/proc/{process}/maps", encoding="utf-8", errors="surrogateescape") as table:
            lines = table.read().splitlines()
    except OSError:
        return None
    for line in lines:
        # 55d0c0a00000-55d0c0a28000 r-xp 00002000 fe:00 1312 /usr/bin/cat
        place, mode, begin, device, inode = line.split(None, 5)[:5]
        start, end = (int(number, 16) for number in place.split("-"))
        within = offset - int(begin, 16)
        if (device, inode) == identity and "x" in mode and 0 <= within < end - start:
            return start + within
    return None
