"""netkit: the program of a netkit device, on the side that the host has or the one of the container (Linux 6.7)."""

from __future__ import annotations

import os

from pyzbpf.errors import Error, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, limits
from pyzbpf.kernel.sockets import interface_index
from pyzbpf.kernel.syscall import EACCES, EEXIST, EINVAL, ENXIO, ERANGE, explained
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
    """Run the program for the packets that leave a netkit device; ``interface`` is its primary side.

    The section says for which side: "netkit/primary" or "netkit/peer". ``before`` and ``after`` are a link or
    program that is attached there, or "all"; without, the program runs behind all.
    """
    if interface is None:
        raise Error(f"program '{spec.name}': say where it attaches: attach(interface='nk0')")
    interface = text_option("interface", interface, "nk0")
    what = f"{spec.kind} of interface '{interface}'"
    index = interface_index(interface)
    try:
        link = commands.link_create(
            what,
            capability="CAP_NET_ADMIN",
            prog_fd=program.fileno(),
            target_ifindex=index,
            attach_type=spec.attach_type or 0,
            **order.members("netkit", before, after),
        )
    except SystemCallError as error:
        if error.errno == EINVAL:
            old = limits.older(os.uname().release, since.NETKIT)
            raise UnsupportedError(
                what,
                since=since.NETKIT if old else None,
                advice=""
                if old
                else "This kernel seems to have no netkit devices: it takes CONFIG_NETKIT=y.",
            ) from error
        raise explained(error, what, _REASONS) from error
    return Link(spec, what, [link])


_REASONS = {
    EACCES: "programs are attached to the primary side of a netkit device, for its peer too",
    ENXIO: "that is no netkit device; make one: ip link add nk0 type netkit",
    EEXIST: "the same program is attached there already; detach its link first",
    ERANGE: "64 programs are attached there, and no more fit, or the one named by before= or after= is not there",
}
