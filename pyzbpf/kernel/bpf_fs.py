"""The BPF file system: names by which programs, maps and links outlive the process that made them (Linux 4.4)."""

from __future__ import annotations

import os

from pyzbpf.errors import Error, NotFoundError, PrivilegeError, SystemCallError
from pyzbpf.kernel import commands
from pyzbpf.kernel.fd import Fd, LinkFd
from pyzbpf.kernel.syscall import EACCES, EEXIST, ENOENT

_MOUNT = "mount -t bpf bpf /sys/fs/bpf"


def pin(fd: int, path: str, what: str) -> None:
    """Give ``what`` the name ``path``; NotFoundError and PrivilegeError say what is wrong with the folder."""
    try:
        commands.obj_pin(fd, path)
    except SystemCallError as error:
        if error.errno == ENOENT:
            raise NotFoundError(
                f"{what} cannot be pinned: there is no folder {os.path.dirname(path)}",
                file=path,
                advice=f"Make it in a BPF file system ({_MOUNT}).",
            ) from error
        if error.errno == EEXIST:
            raise Error(
                f"{what} cannot be pinned: {path} is there already; remove it, or take another name"
            ) from error
        raise
    except PrivilegeError as error:  # what bpf_obj_do_pin says of a folder in another file system, too
        dotted = "its name has a '.', which no name there may have, " if "." in os.path.basename(path) else ""
        raise PrivilegeError(
            f"{what} cannot be pinned at {path}: its folder is in no BPF file system ({_MOUNT}), {dotted}or that "
            "is not permitted",
            capability=error.capability,
        ) from error


def get(path: str, noun: str) -> Fd:
    """What is pinned at ``path``: a "program", "map" or "link"; Error for something else."""
    try:
        fd = commands.obj_get(path, f"{noun} pinned at {path}")
    except SystemCallError as error:
        if error.errno == ENOENT:
            raise NotFoundError(
                "nothing is pinned there", file=path, advice=f"Pins are in a BPF file system ({_MOUNT})."
            ) from error
        if error.errno == EACCES:
            raise Error(
                f"{path}: it is no pin of a BPF file system (a folder, or a file elsewhere), or may not be opened"
            ) from error
        raise
    except PrivilegeError as error:  # bpf_obj_do_get, of a file elsewhere: EACCES or EPERM
        raise PrivilegeError(
            f"{path}: it is no pin of a BPF file system, or may not be opened", capability=error.capability
        ) from error
    found = kind_of(fd.fileno())
    if found != noun:
        fd.close()
        raise Error(f"{path} is a pinned {found}, not a {noun}")
    return LinkFd(fd.take(), f"{noun} pinned at {path}") if noun == "link" else fd


def kind_of(fd: int) -> str:
    """What a descriptor is of: "program", "map", "link", "btf", or what the kernel calls it."""
    name = os.readlink(f"/proc/self/fd/{fd}").removeprefix("anon_inode:").strip("[]").removeprefix("bpf-")
    name = name.removeprefix("bpf_")
    return {"prog": "program"}.get(name, name)
