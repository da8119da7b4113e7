"""What /proc says about other processes: which files lie where in their memory."""

from __future__ import annotations


class Region:
    """A part of a process's memory: from ``start`` to before ``end``, ``offset`` bytes into the file ``path``.

    ``path`` is as the process sees it; "" or a name in brackets where the memory is of no file.
    """

    __slots__ = ("end", "offset", "path", "start")

    def __init__(self, start: int, end: int, offset: int, path: str) -> None:
        self.start = start
        self.end = end
        self.offset = offset
        self.path = path


def regions(pid: int) -> list[Region]:
    """The parts of a process's memory that can be executed, by address; empty where the process is gone or not ours."""
    found = []
    for line in _lines(f"/proc/{pid}/maps"):
        # start-end perms offset device inode path
        fields = line.split(None, 5)
        if len(fields) < 5 or "x" not in fields[1]:
            continue
        start, _, end = fields[0].partition("-")
        path = fields[5].rstrip("\n") if len(fields) > 5 else ""
        found.append(Region(int(start, 16), int(end, 16), int(fields[2], 16), path))
    return found


def contents(pid: int, region: Region) -> bytes:
    """The file that lies in a region, deleted ones too; empty where it cannot be read."""
    # The first is the very file that is mapped (CAP_CHECKPOINT_RESTORE); the second is its name in the process's world.
    for path in (
        f"/proc/{pid}/map_files/{region.start:x}-{region.end:x}",
        _inside(pid, region.path),
    ):
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError:  # noqa: PERF203 - two ways at most
            continue
    return b""


def perf_map(pid: int) -> list[tuple[int, int, str]]:
    """(start, end, name) of the code that a process has made while it ran and told of in /tmp/perf-PID.map.

    The form is perf's: a line for each function, address and size in hex, then its name.
    """
    number = next(
        (line.split()[-1] for line in _lines(f"/proc/{pid}/status") if line.startswith("NSpid:")), str(pid)
    )
    found = []
    for line in _lines(_inside(pid, f"/tmp/perf-{number}.map")):  # noqa: S108 - where perf looks
        fields = line.rstrip("\n").split(None, 2)
        try:
            start, size = int(fields[0], 16), int(fields[1], 16)
            found.append((start, start + size, fields[2]))
        except (IndexError, ValueError):
            continue
    return sorted(found)


def _inside(pid: int, path: str) -> str:
    """The file that a process knows by this path, in its own world of mounts."""
    return f"/proc/{pid}/root{path}"


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.readlines()
    except OSError:
        return []
