"""Bloom filters (Linux 5.16): sets that may be asked, and are right where they say no."""

from __future__ import annotations

from pyzbpf.kernel import commands
from pyzbpf.maps.base import KernelMap, coders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import MapSpec


class BloomFilter(KernelMap):
    """``add`` puts a value in; ``value in map`` is False only for what was never added. Nothing can be taken out."""

    __slots__ = ("_encode",)

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd)
        self._encode, _ = coders(btf, spec.value_type, spec.value_size, f"map '{spec.name}', value")

    def add(self, value: Any) -> None:
        """Put a value in."""
        commands.map_update(self.fd.fileno(), b"", self._encode(value))

    def __contains__(self, value: object) -> bool:
        return commands.bloom_has(self.fd.fileno(), self._encode(value))
