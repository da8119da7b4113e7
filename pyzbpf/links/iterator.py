"""Iterators: a program that is run for each object of a kind (task, file, map …) when its link is read (Linux 5.8)."""

from __future__ import annotations

import os
from os import fspath

from pyzbpf.errors import Error, NotFoundError, SystemCallError, UnsupportedError
from pyzbpf.kernel import cgroup as cgroups
from pyzbpf.kernel import commands, limits
from pyzbpf.kernel.syscall import EACCES, EBADF, EINVAL, ESRCH, address, explained
from pyzbpf.links.base import Link, number_option
from pyzbpf.uapi import enums as e
from pyzbpf.uapi import since
from pyzbpf.uapi.attrs import ITER_LINK_INFO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BufferedReader
    from os import PathLike
    from typing import Protocol

    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec

    class HasDescriptor(Protocol):
        """A loaded map."""

        @property
        def fd(self) -> Fd: ...


_ORDERS = {
    "self": e.BPF_CGROUP_ITER_SELF_ONLY,
    "descendants": e.BPF_CGROUP_ITER_DESCENDANTS_PRE,
    "descendants last": e.BPF_CGROUP_ITER_DESCENDANTS_POST,
    "ancestors": e.BPF_CGROUP_ITER_ANCESTORS_UP,
    "children": e.BPF_CGROUP_ITER_CHILDREN,
}


class IteratorLink(Link):
    """The link of an iterator: each `open` walks all objects anew, and what the program writes is read.

    A file that is open goes on when the link is closed.
    """

    __slots__ = ()

    def open(self) -> BufferedReader:
        """A binary file that ends when the program has seen the last object; close it when done."""
        return open(commands.iter_create(self.fileno(), self.target).take(), "rb")

    def read(self) -> bytes:
        """All that the program writes in one walk, as it is: for records."""
        parts: list[bytes] = []
        with commands.iter_create(self.fileno(), self.target) as file:
            while True:
                try:
                    part = os.read(file.fileno(), _PART)
                except BlockingIOError:  # the program wrote nothing for a million objects, and there are more
                    continue
                if not part:
                    return b"".join(parts)
                parts.append(part)

    def text(self) -> str:
        """All that the program writes in one walk, as text."""
        return self.read().decode(errors="replace")


# What the kernel's buffer holds at most (bpf_seq_read: eight pages).
_PART = 1 << 15


def attach(
    program: Fd,
    spec: ProgramSpec,
    *,
    map: HasDescriptor | None = None,
    cgroup: str | PathLike[str] | None = None,
    order: str | None = None,
    pid: int | None = None,
    tid: int | None = None,
) -> IteratorLink:
    """Make the iterator that the section names; nothing runs before it is read.

    ``map``: the loaded map whose elements are walked (iter/bpf_map_elem, iter/bpf_sk_storage_map). ``cgroup``
    and ``order`` ("descendants", "descendants last", "children", "ancestors", "self"): which cgroups
    (iter/cgroup, Linux 6.1; default all). ``pid`` or ``tid``: one process or thread of iter/task,
    iter/task_file and iter/task_vma (Linux 6.1; default all).
    """
    what = f"{spec.kind.removesuffix('.s')} '{spec.target}'"
    if order is not None and order not in tuple(_ORDERS):
        raise ValueError(f"option 'order' is one of {', '.join(_ORDERS)}, not {order!r}")
    if order is None and (cgroup is not None or spec.target == "cgroup"):
        order = "descendants"
    if pid is not None and tid is not None:
        raise ValueError("give pid= (a process) or tid= (a thread), not both")
    if map is not None and not hasattr(map, "fd"):
        raise TypeError(f"option 'map' is a loaded map such as probe.maps['name'], not {map!r}")
    process = None if pid is None else _living("pid", pid)
    thread = None if tid is None else _living("tid", tid)
    group = None if cgroup is None else cgroups.directory(fspath(cgroup))
    try:
        info = commands.pack(ITER_LINK_INFO, {
            "map.map_fd": 0 if map is None else map.fd.fileno(),
            "cgroup.order": 0 if order is None else _ORDERS[order],
            "cgroup.cgroup_fd": 0 if group is None else group.fileno(),
            "task.pid": process or 0,
            "task.tid": thread or 0,
        })  # fmt: skip
        link = commands.link_create(
            what,
            capability="CAP_BPF and CAP_PERFMON",
            prog_fd=program.fileno(),
            attach_type=e.BPF_TRACE_ITER,
            iter_info=address(info),
            iter_info_len=len(info),
        )
    except SystemCallError as error:
        raise _refused(error, what, [cgroup, pid, tid]) from error
    finally:
        if group is not None:
            group.close()
    return IteratorLink(spec, what, [link])


def _living(option: str, value: object) -> int:
    """The number of a process ("pid") or thread ("tid") that exists: of any other the kernel walks nothing."""
    number = number_option(option, value, bits=31)
    try:
        with open(f"/proc/{number}/status", encoding="ascii", errors="replace") as file:
            leader = next(int(line[5:]) for line in file if line.startswith("Tgid:"))
    except (FileNotFoundError, ProcessLookupError):
        if not os.path.exists("/proc/self"):  # nothing to look into
            return number
        kind = "process" if option == "pid" else "thread"
        raise NotFoundError(f"option '{option}': there is no {kind} {number}") from None
    if option == "pid" and leader != number:
        raise NotFoundError(
            f"option 'pid': {number} is a thread of process {leader}; give tid={number} for it alone"
        )
    return number


def _refused(error: SystemCallError, what: str, newer: Sequence[object]) -> Error:
    if any(option is not None for option in newer) and limits.older(
        os.uname().release, since.ITERATOR_PARAMETERS
    ):
        return UnsupportedError(f"{what} of one cgroup, process or thread", since=since.ITERATOR_PARAMETERS)
    return explained(error, what, _REASONS)


_REASONS = {
    EBADF: "it walks the elements of one map: attach(map=probe.maps['name'])",
    EINVAL: "it does not take this option, the map is of a kind it cannot walk, or it is none that may sleep (iter.s)",
    EACCES: "the program reads more of a key or value than the map has",
    ESRCH: "there is no such process or thread",
}
