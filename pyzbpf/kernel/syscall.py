"""Raw system calls: the one way out to bpf(2) and its relatives.

`raw` returns what the kernel returned, a negative errno included, so that the paths where a refusal
is an answer (no such key) raise nothing. `failure` turns an errno into the exception for the user.
"""

from __future__ import annotations

import os
import sys

from pyzbpf.errors import Error, SystemCallError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Buffer = bytes | bytearray

EPERM, ENOENT, ESRCH, EINTR, EIO, E2BIG, EBADF, EAGAIN, ENOMEM, EACCES, EFAULT = (
    1,
    2,
    3,
    4,
    5,
    7,
    9,
    11,
    12,
    13,
    14,
)
EBUSY, EEXIST, ENODEV, EINVAL, ENOSPC, ERANGE, ENOSYS, EOPNOTSUPP = 16, 17, 19, 22, 28, 34, 38, 95
ENXIO, EILSEQ, ENOTSOCK, EMSGSIZE, ENOPROTOOPT, EAFNOSUPPORT, EADDRNOTAVAIL = 6, 84, 88, 90, 92, 97, 99

# The kernel's own ENOTSUPP (include/linux/errno.h): no libc knows it, yet BPF commands return it.
ENOTSUPP = 524

# Numbers of arch/*/**/syscall*.tbl and include/uapi/asm-generic/unistd.h; the mount calls of
# Linux 5.2 have the same number on all machines.
_MOUNT_CALLS = {"fsopen": 430, "fsconfig": 431, "fsmount": 432}
NUMBERS = {
    "x86_64": {"bpf": 321, "perf_event_open": 298, **_MOUNT_CALLS},
    "i386": {"bpf": 357, "perf_event_open": 336, **_MOUNT_CALLS},
    "aarch64": {"bpf": 280, "perf_event_open": 241, **_MOUNT_CALLS},
    "arm": {"bpf": 386, "perf_event_open": 364, **_MOUNT_CALLS},
    "riscv64": {"bpf": 280, "perf_event_open": 241, **_MOUNT_CALLS},
    "s390x": {"bpf": 351, "perf_event_open": 331, **_MOUNT_CALLS},
    "ppc64le": {"bpf": 361, "perf_event_open": 319, **_MOUNT_CALLS},
}
NUMBERS["ppc64"] = NUMBERS["ppc64le"]

# A 32-bit interpreter on a 64-bit kernel makes the calls of the 32-bit machine.
_NARROW = {"x86_64": "i386", "aarch64": "arm"}


def machine(name: str, *, narrow: bool = sys.maxsize < 1 << 32) -> str:
    """The row of NUMBERS for what uname(2) calls this machine."""
    if narrow:
        name = _NARROW.get(name, name)
    if name.startswith("arm"):
        return "arm"
    return "i386" if name in ("i486", "i586", "i686") else name


class _Gate:
    """The C library and the number table, made at the first call: importing this file works on any system."""

    __slots__ = ("address_of", "bpf", "errno", "function", "library", "numbers")

    def __init__(self) -> None:
        if not sys.platform.startswith("linux"):
            raise UnsupportedError(
                f"loading BPF programs on {sys.platform}",
                advice="Objects can be built and inspected here; load them on a Linux machine.",
            )
        name = machine(os.uname().machine)
        if name not in NUMBERS:
            raise UnsupportedError(
                f"the machine '{name}'", advice=f"System calls are known for {', '.join(NUMBERS)}."
            )
        from pyzbpf.kernel.libc import Library  # not before something is loaded

        library = Library()
        self.numbers = NUMBERS[name]
        self.bpf = self.numbers["bpf"]
        self.errno = library.errno
        # syscall(2) is variadic: all seven as long, so that pointers are never cut to int.
        self.function = library.function("syscall", "l", "l" * 7)
        self.address_of = library.address_of
        self.library = library


_gate: _Gate | None = None


def gate() -> _Gate:
    """The opened door; UnsupportedError where there is none."""
    global _gate
    if _gate is None:
        _gate = _Gate()
    return _gate


def address(buffer: Buffer | None) -> int:
    """Where the bytes lie; the caller keeps ``buffer`` alive, and its size, until the call is over."""
    return gate().address_of(buffer) if buffer else 0


def raw(name: str, *arguments: int) -> int:
    """The result of the system call, or its negative errno."""
    door = _gate or gate()
    return numbered(door.numbers[name], *arguments)


def numbered(number: int, *arguments: int) -> int:
    """The same of a call that one machine has only, by that machine's number."""
    door = _gate or gate()
    result: int = door.function(number, *arguments, *(0,) * (6 - len(arguments)))
    return result if result >= 0 else -door.errno()


def bpf(command: int, attributes: bytearray) -> int:
    """Make one call to the BPF subsystem; ``attributes`` is read and written by the kernel."""
    door = _gate or gate()
    where = door.address_of(attributes)
    result: int = door.function(door.bpf, command, where, len(attributes), 0, 0, 0)
    return result if result >= 0 else -door.errno()


def detailed(error: SystemCallError, detail: str) -> SystemCallError:
    """The same failure with more to say."""
    return SystemCallError(error.errno or 0, error.strerror or "", command=error.command, detail=detail)


def explained(error: SystemCallError, what: str, reasons: Mapping[int, str]) -> SystemCallError:
    """The same failure of ``what`` with its reason by errno, or as it is where ``reasons`` has none."""
    why = reasons.get(error.errno or 0)
    return error if why is None else detailed(error, f"{what}: {why}")


def failure(errno: int, *, command: str, capability: str, detail: str = "") -> Error:
    """The exception for a call that ended with ``errno``; ``capability`` is what it needs."""
    errno = abs(errno)
    if errno == EPERM:
        from pyzbpf.kernel.privilege import refusal

        return refusal(command, capability, detail)
    if errno == ENOSYS:
        option = " (CONFIG_BPF_SYSCALL)" if command.startswith("BPF_") else ""
        advice = f"The kernel was built without it{option}, or a seccomp filter hides it."
        return UnsupportedError(command, advice=advice)
    if errno == ENOTSUPP:
        return SystemCallError(
            errno, "Operation is not supported by the kernel", command=command, detail=detail
        )
    return SystemCallError(errno, os.strerror(errno), command=command, detail=detail)
