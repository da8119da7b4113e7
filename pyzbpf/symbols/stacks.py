"""Addresses of counted stacks -> names of functions."""

from __future__ import annotations

import errno
from bisect import bisect_right

from pyzbpf.kernel import kallsyms
from pyzbpf.symbols.process import Files, ProcessSymbols

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.maps.aggregate import Stack


class Symbolizer:
    """Names the frames of stacks: the kernel's by /proc/kallsyms, those of processes by their files.

    A process is asked when it is first seen (`remember`), for it may be gone when its stacks are named. What has no name
    is ``[file]``, ``[anonymous]`` or ``[unknown]``.
    """

    __slots__ = ("_files", "_kernel", "_processes")

    def __init__(self) -> None:
        self._files = Files()
        self._kernel: tuple[list[int], list[str]] | None = None
        self._processes: dict[int, list[ProcessSymbols]] = {}

    def remember(self, pid: int, *, again: bool = False) -> None:
        """Look at what a process has in its memory now; ``again``: also if that was done before."""
        known = self._processes.setdefault(pid, [])
        if again or not known:
            found = ProcessSymbols(pid, self._files)
            if found or not known:
                known.insert(0, found)

    def frames(self, stack: Stack, *, user: bool = True, kernel: bool = True) -> list[str]:
        """The names from the outermost frame to the innermost; those of the kernel end with ``_[k]``, as perf's do."""
        names: list[str] = []
        if user:
            names += _missing(stack.user_error)
            # The innermost address is where it stood, those around it where it will return to: one too far.
            names += [
                self.user(stack.pid, address - (depth > 0))
                for depth, address in reversed(list(enumerate(stack.user)))
            ]
        if kernel:
            names += _missing(stack.kernel_error)
            names += [
                self.kernel(address - (depth > 0)) + "_[k]"
                for depth, address in reversed(list(enumerate(stack.kernel)))
            ]
        return names

    def user(self, pid: int, address: int) -> str:
        """The function of a process at an address."""
        self.remember(pid)
        for known in self._processes[pid]:
            name = known.name(address)
            if name is not None:
                return name
        return "[unknown]"

    def kernel(self, address: int) -> str:
        """The function of the kernel at an address; ``[unknown]`` where the kernel hides its addresses from us."""
        if self._kernel is None:
            self._kernel = kallsyms.functions()
        starts, names = self._kernel
        index = bisect_right(starts, address) - 1
        return names[index] if index >= 0 else "[unknown]"


def _missing(number: int) -> list[str]:
    """A frame for a stack that is not there; a thread of the kernel has none of a process, and that is no loss."""
    if number in (0, errno.EFAULT):
        return []
    return [
        "[lost: no room]" if number == errno.EEXIST else f"[no stack: {errno.errorcode.get(number, number)}]"
    ]
