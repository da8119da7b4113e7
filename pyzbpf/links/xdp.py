"""XDP: the program runs for each packet that an interface receives, before the network stack (links: Linux 5.9)."""

from __future__ import annotations

from pyzbpf.errors import Error, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands, fd
from pyzbpf.kernel.sockets import interface_index
from pyzbpf.kernel.syscall import EBUSY, EEXIST, EINVAL, EOPNOTSUPP, detailed
from pyzbpf.links.base import Link, text_option
from pyzbpf.uapi import since
from pyzbpf.uapi.enums import BPF_XDP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec

# XDP_FLAGS_* of include/uapi/linux/if_link.h; without one the kernel prefers the driver.
_MODES = {None: 0, "generic": 1 << 1, "native": 1 << 2}


def attach(program: Fd, spec: ProgramSpec, *, interface: str | None = None, mode: str | None = None) -> Link:
    """Run the program for packets received by ``interface``.

    ``mode`` "native" is in the driver, "generic" in the network stack (slower, every interface);
    None takes the driver where it can.
    """
    interface = spec.target if interface is None else text_option("interface", interface, "eth0")
    if not interface:
        raise Error(f"program '{spec.name}': say where XDP attaches: attach(interface='eth0')")
    if mode not in tuple(_MODES):  # a tuple, which takes what is not hashable, too
        raise ValueError(
            "option 'mode' is 'native' (in the driver), 'generic' (in the network stack; others call it skb) or None, "
            f"not {mode!r}"
        )
    index = interface_index(interface)
    try:
        link = commands.link_create(
            f"XDP of interface '{interface}'",
            capability="CAP_NET_ADMIN",
            prog_fd=program.fileno(),
            target_ifindex=index,
            attach_type=BPF_XDP,
            flags=_MODES[mode],
        )
    except SystemCallError as error:
        raise _refused(error, interface, index) from error
    return Link(spec, f"XDP of interface '{interface}'", [link])


def _refused(error: SystemCallError, interface: str, index: int) -> Error:
    if error.errno == EINVAL:
        return UnsupportedError("attaching XDP by a link", since=since.XDP_LINK)
    why = _REASONS.get(error.errno or 0)
    if why is None:
        return error
    if error.errno in (EBUSY, EEXIST):
        why += _owner(interface, index)
    return detailed(error, f"{error.detail}: {why}")


def _owner(interface: str, index: int) -> str:
    """Who holds what is attached, as far as it can be told from here."""
    for number, about in fd.descriptors():
        if about.get("link_type") == "xdp" and about.get("ifindex") == str(index):
            return (
                f". This very process holds it: descriptor {number}, link {about.get('link_id')}; call detach() of the "
                "Link that attach() returned (it is in `links` of its Object), or close that Object"
            )
    return (
        ". 'bpftool net' shows the program, and 'bpftool link' the link that holds it, with its process: such a link "
        "goes when its owner ends or detaches it. A program without a link goes by "
        f"'ip link set dev {interface} xdp off'"
    )


_REASONS = {
    EBUSY: "another XDP program is attached",
    EEXIST: "an XDP program is attached in another mode, and one interface has one mode at a time",
    EOPNOTSUPP: "its driver has no native XDP; use mode='generic'",
}
