"""An arena: pages shared with programs, and the variables at their start."""

from __future__ import annotations

from pyzbpf.kernel import arena
from pyzbpf.maps.base import KernelMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import MapSpec


class Arena(KernelMap):
    """An arena of `max_entries` pages, mapped as long as it is open; it has no keys.

    ``address`` is where it lies in this process, and for programs that pass addresses on. `load` and
    `store` copy bytes at an offset from there. Its variables are the object's.
    """

    __slots__ = ("_memory",)

    frozen = False

    def __init__(self, spec: MapSpec, fd: Fd, _btf: Btf | None) -> None:
        super().__init__(spec, fd)
        size = arena.size_of(spec.max_entries)
        self._memory = arena.ArenaMemory(
            fd.fileno(), size, address=spec.map_extra, what=f"arena '{spec.name}'"
        )
        if spec.contents:
            self._memory.store(0, bytes(spec.contents))

    @property
    def address(self) -> int:
        """Of the first byte; 0 when it is closed."""
        return self._memory.address

    @property
    def size(self) -> int:
        """In bytes."""
        return self._memory.size

    @property
    def closed(self) -> bool:
        return self._memory.closed

    def load(self, offset: int, size: int) -> bytes:
        """A copy of the bytes there; a page that nobody has touched is zero."""
        return self._memory.load(offset, size)

    def store(self, offset: int, raw: bytes) -> None:
        """Write the bytes there."""
        self._memory.store(offset, raw)

    def close(self) -> None:
        """Unmap it and give the descriptor back."""
        self._memory.close()
        super().close()
