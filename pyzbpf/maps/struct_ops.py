"""A struct of functions for the kernel: a congestion control, a scheduler, …"""

from __future__ import annotations

from pyzbpf.maps.base import KernelMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import MapSpec


class StructOps(KernelMap):
    """A struct that waits to be registered.

    ``value`` is what the kernel is given for key 0, with the descriptors of the programs in it. It is
    stored when the struct is registered, which a link does, and not before: without BPF_F_LINK the store
    itself registers.
    """

    __slots__ = ("value",)

    def __init__(self, spec: MapSpec, fd: Fd, _btf: Btf | None) -> None:
        super().__init__(spec, fd)
        self.value = b""
