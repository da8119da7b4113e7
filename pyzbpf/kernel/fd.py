"""Ownership of one file descriptor: closed once, and reported where it was forgotten."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# Where each descriptor was made is worth a stack walk only while somebody hunts a leak
# (``python -X dev``, or set by a test).
trace = sys.flags.dev_mode


class Fd:
    """An owned descriptor; ``what`` says in words what it is of.

    The kernel makes all descriptors of bpf(2) close-on-exec; calls where that is an option ask for
    it, so none of ours reaches a child process.
    """

    __slots__ = ("_created", "_number", "what")

    def __init__(self, number: int, what: str) -> None:
        self._number = number
        self.what = what
        self._created = _place() if trace else ""

    def fileno(self) -> int:
        """The number, for whoever makes a system call with it."""
        if self._number < 0:
            raise ValueError(f"{self.what} is closed")
        return self._number

    @property
    def closed(self) -> bool:
        return self._number < 0

    def close(self) -> None:
        """Close it; closing again does nothing."""
        number, self._number = self._number, -1
        if number >= 0:
            os.close(number)

    def take(self) -> int:
        """The number, for a new owner who closes it."""
        number = self.fileno()
        self._number = -1
        return number

    def __enter__(self) -> Fd:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        number = getattr(self, "_number", -1)
        if number < 0:
            return
        if sys.is_finalizing():  # nothing can be imported any more, and the kernel closes it anyway
            return
        import warnings  # only the forgotten pay for it

        created = (
            f", made at\n{self._created}" if self._created else " (python -X dev shows where it was made)"
        )
        warnings.warn(
            f"unclosed {self.what}, descriptor {number}{created}", ResourceWarning, stacklevel=2, source=self
        )
        self.close()

    def __repr__(self) -> str:
        return f"<Fd {self.what}, {'closed' if self._number < 0 else self._number}>"


class LinkFd(Fd):
    """A descriptor of a link of the kernel: what it attaches stays attached as long as somebody has one."""

    __slots__ = ()


def descriptors() -> Iterator[tuple[int, dict[str, str]]]:
    """The open descriptors of this process, each with what /proc/self/fdinfo says of it."""
    try:
        numbers = os.listdir("/proc/self/fdinfo")
    except OSError:
        return
    for number in numbers:
        facts = told(int(number))
        if facts:  # or it was closed since, as that of the listing itself
            yield int(number), facts


def told(number: int) -> dict[str, str]:
    """What /proc/self/fdinfo says of a descriptor; nothing of one that is not open, or without /proc."""
    try:
        with open(f"/proc/self/fdinfo/{number}", encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _place() -> str:
    import traceback

    return "".join(traceback.format_stack(sys._getframe(2)))
