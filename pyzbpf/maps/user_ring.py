"""User ring buffers (Linux 6.1): events from Python to programs, which take them by bpf_user_ringbuf_drain."""

from __future__ import annotations

import select
import sys
import time

from pyzbpf.errors import Error
from pyzbpf.kernel.memory import UserRingMemory
from pyzbpf.maps.base import KernelMap, check_timeout, coders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import MapSpec

_HEADER = 8
# The kernel tells by EPOLLOUT that a program has taken something, once; a wait that missed it looks again.
_LOOK_S = 0.05


class UserRing(KernelMap):
    """The producer's side of a user ring buffer: `send` puts an event in. One thread or process sends at a time.

    Events are encoded by the type that the probe declares for the buffer; without one they are bytes.
    """

    __slots__ = ("_encode", "_memory", "_produced")

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd)
        self._memory: UserRingMemory | None = None
        self._produced = 0
        self._encode = bytes
        if btf is not None and spec.event_type:
            encode, _ = coders(btf, spec.event_type, 0, f"an event of '{spec.name}'")
            self._encode = encode  # type: ignore[assignment]

    def open(self) -> Self:
        """Map the kernel's memory; done by the first `send` at the latest."""
        if self._memory is None:
            if self.fd.closed:
                raise ValueError(f"buffer '{self.name}' is closed")
            size = int(self.info["max_entries"])
            self._memory = UserRingMemory(self.fd.fileno(), size, what=f"user ring buffer '{self.name}'")
            self._produced = self._memory.produced()
        return self

    def send(self, event: Any, timeout: float | None = 0) -> bool:
        """Put an event in; whether there was room, after waiting ``timeout`` seconds for it (None: for ever)."""
        check_timeout(self.name, timeout)
        raw = self._encode(event)
        memory = self.open()._memory
        assert memory is not None  # open() has made it
        need = (len(raw) + _HEADER + 7) & ~7
        if need > memory.size:
            raise Error(
                f"buffer '{self.name}' has {memory.size} bytes: an event of {len(raw)} finds no room ever"
            )
        if memory.size - (self._produced - memory.consumed()) < need and not self._wait(
            memory, need, timeout
        ):
            return False
        start = self._produced & (memory.size - 1)
        memory.data[start + _HEADER : start + _HEADER + len(raw)] = raw
        # The header is a length and four bytes that the kernel does not look at.
        memory.data[start : start + _HEADER] = len(raw).to_bytes(4, sys.byteorder) + bytes(4)
        self._produced += need
        memory.publish(self._produced)
        return True

    @property
    def pending(self) -> int:
        """How many bytes no program has taken yet, with their headers."""
        memory = self.open()._memory
        assert memory is not None  # open() has made it
        return self._produced - memory.consumed()

    def _wait(self, memory: UserRingMemory, need: int, timeout: float | None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        with select.epoll() as poll:
            poll.register(self.fd.fileno(), select.EPOLLOUT | select.EPOLLET)
            while memory.size - (self._produced - memory.consumed()) < need:
                left = _LOOK_S if deadline is None else min(_LOOK_S, deadline - time.monotonic())
                if left <= 0:
                    return False
                poll.poll(left)
        return True

    def close(self) -> None:
        memory, self._memory = self._memory, None
        if memory is not None:
            memory.close()
        super().close()
