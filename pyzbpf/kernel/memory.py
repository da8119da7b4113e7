"""Memory shared with the kernel: mappings, and the positions of ring and perf buffers.

Order of accesses. The kernel publishes data with a release store of a position or header, and
reuses a place after an acquire load of ours; the reader owes the counterparts:

1. load the producer's position, then the headers;
2. load the headers, then the payloads;
3. load the payloads, then store the consumer's position.

x86 keeps loads in order and stores behind earlier loads, so single aligned 8-byte accesses are
enough there. Weakly ordered machines (arm64, riscv, ppc) reorder all three pairs, and an access of
the interpreter promises nothing. The one cheap fence of the standard library is a lock: `Fence`
holds one for itself and does release(), then acquire(). Loads before the release stay before it
(a release store is ordered after all that precedes it), accesses after the acquire stay after it
(an acquire load or compare-and-swap is ordered before all that follows), and the acquire of a word
cannot be satisfied before the release of the same word by the same thread. Neither half alone does
it, nor the two in the other order, which would let accesses slide in between. About 0.1 us, paid
per batch, not per event.

A position is read and written as one 64-bit item of a memoryview in native format: a fixed-size
copy of 8 aligned bytes, which compilers emit as one access.
"""

from __future__ import annotations

import _thread
import mmap
import sys

from pyzbpf.errors import SystemCallError
from pyzbpf.kernel.syscall import EPERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

PAGE = mmap.PAGESIZE

# Without it mmap keeps a duplicate of every descriptor (Python 3.13 and newer can do without).
_UNTRACKED = {"trackfd": False} if sys.version_info >= (3, 13) else {}


class Fence:
    """Orders all memory accesses before a call against all after it; see the head of this file."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = _thread.allocate_lock()
        self._lock.acquire()

    def __call__(self) -> None:
        # One thread at a time: two would release twice. A signal handler may raise after either call,
        # so the lock is taken back in any case, and without waiting: it may not have been released.
        try:
            self._lock.release()
        finally:
            self._lock.acquire(False)


class Mapping:
    """Shared memory of a descriptor as a memoryview of bytes, closed once."""

    __slots__ = ("_map", "view")

    def __init__(self, fd: int, length: int, *, what: str, offset: int = 0, writable: bool = False) -> None:
        protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
        try:
            self._map = mmap.mmap(fd, length, mmap.MAP_SHARED, protection, offset=offset, **_UNTRACKED)
        except OSError as error:
            number = error.errno or 0
            if number == EPERM:
                from pyzbpf.kernel.privilege import refusal

                # Perf buffers above kernel.perf_event_mlock_kb need it; maps are never refused so.
                raise refusal("mmap", "CAP_IPC_LOCK", what) from None
            detail = f"{length} bytes of {what}"
            raise SystemCallError(
                number, error.strerror or str(error), command="mmap", detail=detail
            ) from None
        self.view = memoryview(self._map)

    def close(self) -> None:
        """Unmap; while an array of the user's still looks at the memory, that is done when the last one is gone."""
        if not self._map.closed:
            self.view.release()
            try:
                self._map.close()
            except BufferError:
                pass

    def load(self, offset: int, size: int) -> bytes:
        """The bytes there; for 1, 2, 4 and 8 aligned bytes in one access, so never half of a store."""
        code = _ITEM.get(size)
        place = self.view[offset : offset + size]
        if code is None or offset % size:
            return bytes(place)
        with place.cast(code) as item:
            return int(item[0]).to_bytes(size, sys.byteorder)

    def store(self, offset: int, raw: bytes) -> None:
        """Write the bytes there, with the same promise as `load`."""
        size = len(raw)
        code = _ITEM.get(size)
        place = self.view[offset : offset + size]
        if code is None or offset % size:
            place[:] = raw
            return
        with place.cast(code) as item:
            item[0] = int.from_bytes(raw, sys.byteorder)


_ITEM: dict[int, Literal["B", "H", "I", "Q"]] = {1: "B", 2: "H", 4: "I", 8: "Q"}


class RingMemory:
    """The pages of a BPF ring buffer (kernel/bpf/ringbuf.c): one for us, one of the kernel, data.

    ``data`` shows the ring twice in a row, as the kernel maps it, so that no record ever wraps.
    ``size`` is the ring's, in bytes and a power of two.
    """

    __slots__ = ("_consumer", "_pages", "_positions", "_producer", "data", "fence", "size")

    def __init__(self, fd: int, size: int, *, what: str) -> None:
        self.size = size
        self.fence = Fence()
        own = Mapping(fd, PAGE, writable=True, what=what)
        try:
            rest = Mapping(fd, PAGE + 2 * size, offset=PAGE, what=what)
        except BaseException:
            own.close()
            raise
        self._pages = (own, rest)
        self._consumer = own.view[:8].cast("Q")
        self._producer = rest.view[:8].cast("Q")
        self.data = rest.view[PAGE:]

    def consumed(self) -> int:
        """How far the ring has been read; only the reader writes it."""
        return self._consumer[0]

    def produced(self) -> int:
        """How far the kernel has reserved; headers before it may be read after this."""
        position = self._producer[0]
        self.fence()  # 1 of the three
        return position

    def release(self, position: int) -> None:
        """Give everything before ``position`` back to the kernel: no payload may be read any more."""
        self.fence()  # 3 of the three
        self._consumer[0] = position

    def close(self) -> None:
        for view in (self.data, self._producer, self._consumer):
            view.release()
        for pages in self._pages:
            pages.close()


class UserRingMemory:
    """The pages of a user ring buffer: one of the kernel, which reads, one for us, who write, data.

    ``data`` shows the ring twice in a row, so that no record ever wraps.
    """

    __slots__ = ("_consumer", "_pages", "_producer", "data", "fence", "size")

    def __init__(self, fd: int, size: int, *, what: str) -> None:
        self.size = size
        self.fence = Fence()
        kernels = Mapping(fd, PAGE, what=what)
        try:
            ours = Mapping(fd, PAGE + 2 * size, offset=PAGE, writable=True, what=what)
        except BaseException:
            kernels.close()
            raise
        self._pages = (kernels, ours)
        self._consumer = kernels.view[:8].cast("Q")
        self._producer = ours.view[:8].cast("Q")
        self.data = ours.view[PAGE:]

    def consumed(self) -> int:
        """How far programs have read: what lies before may be written over."""
        position = self._consumer[0]
        self.fence()  # nothing is written before the kernel has read what was there
        return position

    def produced(self) -> int:
        """How far was written before; only the writer writes it."""
        return self._producer[0]

    def publish(self, position: int) -> None:
        """Show programs everything before ``position``: header and payload must be written."""
        self.fence()
        self._producer[0] = position

    def close(self) -> None:
        for view in (self.data, self._producer, self._consumer):
            view.release()
        for pages in self._pages:
            pages.close()


# Offsets in struct perf_event_mmap_page (include/uapi/linux/perf_event.h).
_DATA_HEAD, _DATA_TAIL = 1024, 1032


class PerfMemory:
    """The pages of one CPU's perf buffer: a control page, then ``size`` bytes that wrap around."""

    __slots__ = ("_head", "_pages", "_tail", "data", "fence", "size")

    def __init__(self, fd: int, size: int, *, what: str) -> None:
        self.size = size
        self.fence = Fence()
        # Writable, which tells the kernel that we store data_tail: it then drops what does not fit,
        # and counts it, instead of overwriting what was not read.
        self._pages = Mapping(fd, PAGE + size, writable=True, what=what)
        self._head = self._pages.view[_DATA_HEAD : _DATA_HEAD + 8].cast("Q")
        self._tail = self._pages.view[_DATA_TAIL : _DATA_TAIL + 8].cast("Q")
        self.data = self._pages.view[PAGE:]

    def consumed(self) -> int:
        return self._tail[0]

    def produced(self) -> int:
        """How far the kernel has written; all records before it are whole."""
        position = self._head[0]
        self.fence()  # 1 and 2: perf has no busy records
        return position

    def release(self, position: int) -> None:
        self.fence()  # 3 of the three
        self._tail[0] = position

    def close(self) -> None:
        for view in (self.data, self._tail, self._head):
            view.release()
        self._pages.close()
