"""The map of a struct of functions, with the way to register it."""

from __future__ import annotations

from pyzbpf.links import struct_ops
from pyzbpf.maps.struct_ops import StructOps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.links.base import Link
    from pyzbpf.spec.model import MapSpec


class Functions(StructOps):
    """A struct of functions for the kernel: a congestion control, a scheduler, …"""

    __slots__ = ("_links",)

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd, btf)
        self._links: list[Link] = []

    def join(self, links: list[Link]) -> None:
        """Belong to an object, which closes the links."""
        self._links = links

    def attach(self) -> Link:
        """Register it (section `.struct_ops.link`: Linux 6.4)."""
        link = struct_ops.attach(self.fd, self.spec, self.value)
        link.belong(self._links)
        return link

    def ready(self) -> None:
        """Store it, for a link of another struct that is to be updated to this one."""
        struct_ops.store(self.fd, self.value)
