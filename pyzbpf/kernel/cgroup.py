"""Control groups, version 2: where they are mounted, and descriptors of them."""

from __future__ import annotations

import os

from pyzbpf.errors import Error, NotFoundError
from pyzbpf.kernel.fd import Fd

_MOUNTS = "/proc/self/mountinfo"


def mount_point() -> str | None:
    """Where cgroup2 is mounted, by the mount table of this process: beside version 1 it is not /sys/fs/cgroup."""
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return None
    for line in lines:
        # 36 35 98:0 /root /mount/point rw,noatime master:1 - type source options
        fields, _, about = line.partition(" - ")
        if about.startswith("cgroup2 "):
            return _unescaped(fields.split(" ")[4])
    return None


def _unescaped(text: str) -> str:
    """The kernel writes space, tab, newline and backslash as an octal number behind a backslash."""
    first, *others = text.split("\\")
    return first + "".join(chr(int(part[:3], 8)) + part[3:] for part in others)


def directory(path: str) -> Fd:
    """A descriptor of a cgroup: its directory, or its name below the place where cgroup2 is mounted.

    NotFoundError for one that does not exist, Error for a directory that is no cgroup of version 2.
    """
    home = mount_point()
    if not path.startswith("/"):
        if home is None:
            raise NotFoundError(f"cgroup '{path}': {_where(home)}")
        path = f"{home}/{path}"
    try:
        found = Fd(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), f"cgroup '{path}'")
    except OSError as error:
        raise NotFoundError(f"cgroup '{path}': {os.strerror(error.errno or 0)}; {_where(home)}") from None
    try:
        os.stat("cgroup.controllers", dir_fd=found.fileno())
    except OSError:
        found.close()
        raise Error(f"'{path}' is no cgroup of version 2; {_where(home)}") from None
    return found


def _where(home: str | None) -> str:
    if home is None:
        return (
            "cgroup2 is not mounted here; mount it: mkdir /run/cgroup2 && mount -t cgroup2 none /run/cgroup2"
        )
    return f"cgroup2 is mounted at {home}, which is also the cgroup of all processes"
