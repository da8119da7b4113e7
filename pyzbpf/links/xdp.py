"""XDP: the program runs for each packet that an interface receives, before the network stack (links: Linux 5.9)."""

from __future__ import annotations

from pyzbpf.errors import Error, SystemCallError, UnsupportedError
from pyzbpf.kernel import commands
from pyzbpf.kernel.sockets import interface_index
from pyzbpf.kernel.syscall import EBUSY, EEXIST, EINVAL, EOPNOTSUPP, detailed
from pyzbpf.links.base import Link
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
    interface = interface or spec.target
    if not interface:
        raise Error(f"program '{spec.name}': say where XDP attaches: attach(interface='eth0')")
    if mode not in _MODES:
        raise ValueError(f"mode is 'native', 'generic' or None, not {mode!r}")
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
        raise _refused(error, interface) from error
    return Link(spec, f"XDP of interface '{interface}'", [link])


def _refused(error: SystemCallError, interface: str) -> Error:
    if error.errno == EINVAL:
        return UnsupportedError("attaching XDP by a link", since="5.9")
    why = _REASONS.get(error.errno or 0)
    if why is None:
        return error
    return detailed(error, f"{error.detail}: {why.format(interface=interface)}")


_REASONS = {
    EBUSY: "another XDP program is attached; detach it ('ip link set dev {interface} xdp off', or end its owner, "
    "which 'bpftool net' shows)",
    EEXIST: "a program is attached in another mode; use the same mode, or detach it ('bpftool net' shows it)",
    EOPNOTSUPP: "its driver has no native XDP; use mode='generic'",
}
