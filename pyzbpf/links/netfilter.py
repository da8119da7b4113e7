"""netfilter: the program is called where the packet filter's tables are, for IPv4 or IPv6 (Linux 6.4)."""

from __future__ import annotations

import os

from pyzbpf.errors import Error, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, limits
from pyzbpf.kernel.syscall import EAFNOSUPPORT, EBUSY, EINVAL, EOPNOTSUPP, ERANGE, explained
from pyzbpf.links.base import Link
from pyzbpf.uapi import enums as e
from pyzbpf.uapi import since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec

# NFPROTO_* and NF_INET_* of include/uapi/linux/netfilter.h
_FAMILIES = {"ipv4": 2, "ipv6": 10}
_HOOKS = {"prerouting": 0, "input": 1, "forward": 2, "output": 3, "postrouting": 4}
_LOWEST, _HIGHEST = -(1 << 31), (1 << 31) - 1


def attach(
    program: Fd,
    spec: ProgramSpec,
    *,
    family: str = "ipv4",
    hook: str | None = None,
    priority: int = -128,
    defragment: bool = False,
) -> Link:
    """Run the program in this network namespace for packets of a ``family`` ("ipv4", "ipv6") at a ``hook``.

    The hooks are "prerouting", "input", "forward", "output" and "postrouting". Programs, tables and connection
    tracking of a lower ``priority`` come first, and each number is there once; 0 is where filter tables are.
    ``defragment`` (Linux 6.6) puts fragments together before, for which the priority is above -400.
    """
    if hook is None:
        raise Error(f"program '{spec.name}': say where it attaches: attach(hook='input')")
    for option, value, known in (("family", family, _FAMILIES), ("hook", hook, _HOOKS)):
        if value not in tuple(known):
            raise ValueError(f"option '{option}' is one of {', '.join(known)}, not {value!r}")
    number: object = priority
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"option 'priority' is an int, not {number!r}")
    if not _LOWEST < priority < _HIGHEST:
        raise ValueError(
            f"option 'priority' is a number above {_LOWEST} and below {_HIGHEST}, not {priority}"
        )
    what = f"netfilter {family} {hook} with priority {priority}"
    try:
        link = commands.link_create(
            what,
            capability="CAP_NET_ADMIN",
            prog_fd=program.fileno(),
            attach_type=spec.attach_type or 0,
            **{
                "netfilter.pf": _FAMILIES[family],
                "netfilter.hooknum": _HOOKS[hook],
                "netfilter.priority": priority & 0xFFFFFFFF,
                "netfilter.flags": e.BPF_F_NETFILTER_IP_DEFRAG if defragment else 0,
            },
        )
    except SystemCallError as error:
        if error.errno == EINVAL and limits.older(os.uname().release, since.NETFILTER_LINK):
            raise UnsupportedError(what, since=since.NETFILTER_LINK) from error
        raise explained(error, what, _REASONS) from error
    return Link(spec, what, [link])


_REASONS = {
    EBUSY: "something has this priority there already; take another one",
    EINVAL: "this kernel defragments for no program (Linux 6.6), or has no module nf_defrag_ipv4, nf_defrag_ipv6",
    ERANGE: "defragment=True takes a priority above -400",
    EAFNOSUPPORT: "the kernel has no packet filter for this family (CONFIG_NETFILTER, CONFIG_IPV6)",
    EOPNOTSUPP: "the kernel was built without CONFIG_NETFILTER_BPF_LINK or CONFIG_NETFILTER",
}
