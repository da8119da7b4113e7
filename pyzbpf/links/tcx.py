"""tcx: the program runs for the packets of an interface, in or out, by a link of the kernel (Linux 6.6)."""

from __future__ import annotations

import os

from pyzbpf.errors import Error, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, limits
from pyzbpf.kernel.sockets import interface_index
from pyzbpf.kernel.syscall import EEXIST, EINVAL, ENOENT, ERANGE, explained
from pyzbpf.links import order
from pyzbpf.links.base import Link, text_option
from pyzbpf.uapi import since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.links.order import Attached
    from pyzbpf.spec.model import ProgramSpec


def attach(
    program: Fd,
    spec: ProgramSpec,
    *,
    interface: str | None = None,
    before: Attached | str | None = None,
    after: Attached | str | None = None,
) -> Link:
    """Run the program for the packets of ``interface``, behind those that are attached there already.

    ``before`` and ``after`` are a link or program that is attached there, or "all". The section says the direction. On kernels before 6.6 the same program attaches as kind "tc".
    """
    if interface is None:
        raise Error(f"program '{spec.name}': say where it attaches: attach(interface='eth0')")
    interface = text_option("interface", interface, "eth0")
    direction = spec.kind.rpartition("/")[2]
    what = f"tcx {direction} of interface '{interface}'"
    index = interface_index(interface)
    placed = order.members("tcx", before, after)
    try:
        link = commands.link_create(
            what,
            capability="CAP_NET_ADMIN",
            prog_fd=program.fileno(),
            target_ifindex=index,
            attach_type=spec.attach_type or 0,
            **placed,
        )
    except SystemCallError as error:
        # A kernel that was built without tcx says the same as one before 6.6.
        related = "tcx.relative_fd" in placed and not limits.older(os.uname().release, since.TCX)
        if error.errno == EINVAL and not related:
            raise UnsupportedError(
                "attaching by tcx",
                since=since.TCX,
                advice=f"Older kernels take the program as a filter: programs['{spec.name}'].attach(kind='tc', "
                f"interface='{interface}', direction='{direction}').",
            ) from error
        raise explained(error, what, _REASONS) from error
    return Link(spec, what, [link])


_REASONS = {
    EINVAL: "what before= or after= names is no tcx link or program of an interface",
    EEXIST: "the same program is attached there already; detach its link first",
    ENOENT: "the one named by before= or after= is not attached there",
    ERANGE: "64 programs are attached there, and no more fit, or the one named by before= or after= is not there",
}
