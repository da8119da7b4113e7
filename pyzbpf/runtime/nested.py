"""Maps of maps in which buffers of events are read as those of a probe are."""

from __future__ import annotations

from pyzbpf.maps import nested
from pyzbpf.maps import open as map_open
from pyzbpf.runtime.loader import KINDS
from pyzbpf.uapi.enums import BPF_MAP_TYPE_RINGBUF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.decode import Btf
    from pyzbpf.events.ring_buffer import LossCount
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.maps.base import Map
    from pyzbpf.maps.variables import Variable
    from pyzbpf.spec.model import MapSpec

    Base = Map
else:
    Base = object


class _Buffers(Base):
    """What both kinds share; the counts are of what found no room in any map of the inner type."""

    __slots__ = ()

    _counts: list[LossCount]

    def _opened(self, spec: MapSpec, fd: Fd) -> Map:
        made = map_open.open(spec, fd, self.btf, KINDS)
        if spec.type == BPF_MAP_TYPE_RINGBUF:
            made.share_counts(self._counts)  # type: ignore[attr-defined]  # it is a RingBuffer
        return made

    def count_lost_with(self, variable: Variable) -> LossCount:
        """Take `lost` of the buffers in this map from this global variable, as `RingBuffer.count_lost_with` does."""
        from pyzbpf.events.ring_buffer import LossCount

        self._counts.append(LossCount(variable))
        return self._counts[-1]


class ArrayOfMaps(_Buffers, nested.ArrayOfMaps):
    """Maps by index; empty places are no keys."""

    __slots__ = ("_counts",)

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd, btf)
        self._counts = []


class HashOfMaps(_Buffers, nested.HashOfMaps):
    """Maps by key."""

    __slots__ = ("_counts",)

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd, btf)
        self._counts = []
