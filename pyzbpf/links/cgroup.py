"""Control groups: the program runs for the packets, sockets, devices … of all processes in one (links: Linux 5.7)."""

from __future__ import annotations

import os
from os import fspath

from pyzbpf.errors import Error, PrivilegeError, SystemCallError, UnsupportedError
from pyzbpf.kernel import cgroup as cgroups
from pyzbpf.kernel import commands, limits
from pyzbpf.kernel.syscall import E2BIG, EINVAL, ENOENT, ENOTSUPP, explained
from pyzbpf.links import order
from pyzbpf.links.base import Link
from pyzbpf.uapi import since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike

    from pyzbpf.kernel.fd import Fd
    from pyzbpf.links.order import Attached
    from pyzbpf.spec.model import ProgramSpec


def attach(
    program: Fd,
    spec: ProgramSpec,
    *,
    cgroup: str | PathLike[str] | None = None,
    before: Attached | str | None = None,
    after: Attached | str | None = None,
) -> Link:
    """Run the program in ``cgroup`` and those below it: its directory, or its name below cgroup2's mount.

    Programs of other owners there run, too, before this one; ``before`` and ``after`` are a link that is
    attached there, or "all" (Linux 6.17): for a link the kernel takes no program. Error, with where cgroup2 is
    mounted, for a directory that is no cgroup of version 2, or an empty name.
    """
    if not cgroup:  # an empty name would be that of all processes
        home = cgroups.mount_point() or "/run/cgroup2"
        raise Error(
            f"program '{spec.name}': say for which cgroup: attach(cgroup='{home}/mytool'); cgroup='{home}' is for all "
            "processes"
        )
    path = fspath(cgroup)
    what = f"{spec.kind}{spec.target and '/' + spec.target} of cgroup '{path}'"
    placed = order.members("cgroup", before, after, programs=False)
    with cgroups.directory(path) as group:
        try:
            link = commands.link_create(
                what,
                capability="CAP_NET_ADMIN",
                prog_fd=program.fileno(),
                target_fd=group.fileno(),
                attach_type=spec.attach_type or 0,
                **placed,
            )
        except PrivilegeError as error:
            text = f"{error}; or a cgroup above has a program that was attached without BPF_F_ALLOW_MULTI"
            raise PrivilegeError(text, capability=error.capability) from None
        except SystemCallError as error:
            if placed and error.errno == EINVAL and limits.older(os.uname().release, since.CGROUP_ORDER):
                raise UnsupportedError(f"before= and after= ({what})", since=since.CGROUP_ORDER) from error
            missing = limits.no_trampolines() if error.errno == ENOTSUPP else ""  # of lsm_cgroup
            if missing:
                raise UnsupportedError(what, advice=missing) from error
            raise explained(error, what, _REASONS) from error
    return Link(spec, what, [link])


_REASONS = {
    E2BIG: "a cgroup takes 64 programs of a kind",
    EINVAL: "the program was loaded for another kind of control groups, or the kernel does not know this one",
    ENOENT: "the one named by before= or after= is not attached there",
}
