"""The pages of an arena (Linux 6.9): memory that programs and this process share, at an address that both know.

Pages come into being when they are touched. The kernel wants the arena mapped before it takes a program
that passes its addresses on.
"""

from __future__ import annotations

import os

from pyzbpf.errors import SystemCallError
from pyzbpf.kernel import syscall
from pyzbpf.kernel.memory import PAGE

# mman.h: the same on every machine that has arenas.
_PROT = 1 | 2  # PROT_READ | PROT_WRITE
_MAP_SHARED, _MAP_FIXED_NOREPLACE = 0x01, 0x100000


class ArenaMemory:
    """``size`` bytes at ``address``, which 0 leaves to the kernel; nothing is there until it is touched."""

    __slots__ = ("_library", "address", "size")

    def __init__(self, fd: int, size: int, *, address: int, what: str) -> None:
        syscall.gate()
        import ctypes

        library = ctypes.CDLL(None, use_errno=True)
        pointer, length, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
        library.mmap.argtypes = [pointer, length, number, number, number, ctypes.c_int64]
        library.mmap.restype = pointer
        library.munmap.argtypes = [pointer, length]
        # Not MAP_FIXED, as libbpf: that would take the place of whatever is there.
        flags = _MAP_SHARED | (_MAP_FIXED_NOREPLACE if address else 0)
        found = library.mmap(address or None, size, _PROT, flags, fd, 0)
        if found is None or found == pointer(-1).value:
            errno = ctypes.get_errno()
            where = f" at {address:#x}" if address else ""
            raise SystemCallError(
                errno, os.strerror(errno), command="mmap", detail=f"{size} bytes of {what}{where}"
            )
        self._library = library
        self.address: int = found
        self.size = size

    @property
    def closed(self) -> bool:
        return self.address == 0

    def load(self, offset: int, size: int) -> bytes:
        """A copy of the bytes there."""
        return bytes(self._view(offset, size))

    def store(self, offset: int, raw: bytes) -> None:
        """Write the bytes there."""
        self._view(offset, len(raw))[:] = raw

    def _view(self, offset: int, size: int) -> memoryview:
        import ctypes

        if self.closed:
            raise ValueError("the arena is closed")
        if not 0 <= offset <= offset + size <= self.size:
            raise IndexError(f"{size} bytes at {offset:#x} of an arena of {self.size:#x}")
        return memoryview((ctypes.c_char * size).from_address(self.address + offset)).cast("B")

    def close(self) -> None:
        """Unmap; again does nothing."""
        address, self.address = self.address, 0
        if address:
            self._library.munmap(address, self.size)


def size_of(pages: int) -> int:
    """The bytes of an arena of so many pages."""
    return pages * PAGE
