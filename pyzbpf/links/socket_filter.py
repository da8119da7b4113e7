"""Socket filters: a packet socket on one interface, whose filter sees every packet, in and out."""

from __future__ import annotations

from pyzbpf.kernel.sockets import FilterSocket
from pyzbpf.links.base import Link, text_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import ProgramSpec


def attach(program: Fd, spec: ProgramSpec, *, interface: str = "lo") -> Link:
    """Run the filter for the packets of an interface.

    What it returns decides only how much of a packet is queued on the link's socket, which nobody
    reads and which holds about 2 KiB; the packets themselves go their way untouched.
    """
    interface = text_option("interface", interface, "lo")
    return Link(spec, f"packets of interface '{interface}'", [FilterSocket(interface, program.fileno())])
