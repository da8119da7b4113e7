"""The running kernel's type information: /sys/kernel/btf, mapped where the kernel allows it.

Opened when an object needs it for the first time, and kept for the process: what one object has
looked up, the next one finds at once.
"""

from __future__ import annotations

import errno
import os
import struct

from pyzbpf.btf.lazy import LazyBtf
from pyzbpf.btf.memory import Bytes
from pyzbpf.errors import Error, ObjectError, UnsupportedError
from pyzbpf.kernel import syscall
from pyzbpf.uapi import since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyzbpf.btf.memory import Memory

FOLDER = "/sys/kernel/btf"

# mman.h: the same on every machine that has BPF.
_PROT_READ, _MAP_PRIVATE = 1, 2

_OPTION = 'or give the types of this kernel as a file: spec.load(btf="/path/vmlinux.btf").'

_kernel: LazyBtf | None = None
_modules: dict[tuple[str, int, int], LazyBtf] = {}  # by name, inode and size: one may come again, changed


def vmlinux() -> LazyBtf:
    """The types of the kernel itself."""
    global _kernel
    if _kernel is None:
        path = f"{FOLDER}/vmlinux"
        try:
            _kernel = LazyBtf(_open(path), name="vmlinux", unique=True)
        except OSError as error:
            raise _missing(path, error) from None
    return _kernel


def modules() -> list[LazyBtf]:
    """The types of the modules that are loaded now, each on top of the kernel's (Linux 5.11)."""
    found: dict[tuple[str, int, int], LazyBtf] = {}
    try:
        names = sorted(os.listdir(FOLDER))
    except OSError:
        names = []
    for name in names:
        path = f"{FOLDER}/{name}"
        try:
            status = os.stat(path)
            key = (name, status.st_ino, status.st_size)
            if name != "vmlinux":
                known = _modules.get(key)
                found[key] = known or LazyBtf(_open(path), name=name, base=vmlinux())
        except OSError:
            continue  # the module was unloaded meanwhile
    _modules.clear()
    _modules.update(found)
    return list(found.values())


def file(path: str) -> LazyBtf:
    """The types in a file, which must be BTF itself (as BTFHub ships it) and not ELF."""
    try:
        with open(path, "rb", buffering=0) as opened:
            data = _read_all(opened.fileno())
    except OSError as error:
        raise ObjectError(f"cannot be read: {os.strerror(error.errno or 0)}", file=path) from None
    if data[:4] == b"\x7fELF":
        raise ObjectError(
            "an ELF file, not its type information",
            file=path,
            advice=f"Take it out: objcopy -O binary --only-section=.BTF {path} vmlinux.btf",
        )
    try:
        return LazyBtf(_in_memory(data), name=path)
    except ObjectError as error:
        error.file = path
        raise


def _missing(path: str, error: OSError) -> Error:
    reason = os.strerror(error.errno or 0)
    if error.errno != errno.ENOENT:
        advice = f"{path}: {reason}. Allow reading it, {_OPTION}"
    elif os.path.isdir("/sys/kernel"):
        advice = f"There is no {path}: it takes a kernel built with CONFIG_DEBUG_INFO_BTF=y, {_OPTION}"
    else:
        advice = f"There is no /sys: mount sysfs, {_OPTION}"
    return UnsupportedError(
        "CO-RE, which needs the kernel's type information,", since=since.CORE, advice=advice
    )


def _open(path: str) -> Memory:
    """The file in memory: mapped (Linux 6.16 and newer) or read."""
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(opened).st_size
        library = _library()
        address = library.mmap(None, size, _PROT_READ, _MAP_PRIVATE, opened, 0) if size else None
        if address is not None and address != library.failed:
            return _Memory(address, library.view(address, size).toreadonly())
        return _in_memory(_read_all(opened))
    finally:
        os.close(opened)


def _read_all(opened: int) -> bytearray:
    # sysfs gives a page for each call, 1300 for a kernel: no buffer is made for any of them.
    data = bytearray(os.fstat(opened).st_size)
    read = 0
    with memoryview(data) as view:
        while part := os.readv(opened, [view[read:]]):
            read += part
    del data[read:]
    return data


def _in_memory(data: bytearray) -> Memory:
    # Words are searched where they lie, so they must be aligned; CPython's allocations are.
    address = syscall.address(data)
    return _Memory(address, memoryview(data)) if address and address % 4 == 0 else Bytes(bytes(data))


class _Library:
    """The functions of the C library that search: twenty times as fast as those of Python 3.11."""

    __slots__ = ("failed", "memmem", "mmap", "view", "wmemchr")

    def __init__(self) -> None:
        library = syscall.gate().library  # refuses what is not Linux
        self.memmem = library.function("memmem", "P", "PLzL")
        # wchar_t has 32 bits on Linux, so this is a search for an aligned word.
        self.wmemchr = library.function("wmemchr", "P", "PIL")
        self.mmap = library.function("mmap", "P", "PLiiil")
        self.failed = (1 << 8 * struct.calcsize("P")) - 1  # MAP_FAILED
        self.view = library.view


_opened: _Library | None = None


def _library() -> _Library:
    global _opened
    if _opened is None:
        _opened = _Library()
    return _opened


class _Memory:
    """Bytes at an address, for as long as the process lives; ``view`` keeps alive what owns them.

    Not an `mmap.mmap`: that keeps a descriptor open (before Python 3.13), and has no search for words.
    """

    __slots__ = ("_address", "_library", "view")

    def __init__(self, address: int, view: memoryview) -> None:
        self.view = view
        self._address = address
        self._library = _library()

    def find(self, text: bytes, start: int, end: int) -> int:
        if start >= end:
            return -1
        at = self._library.memmem(self._address + start, end - start, text, len(text))
        return -1 if at is None else at - self._address

    def find_word(self, word: int, start: int, end: int) -> int:
        if start >= end:
            return -1
        at = self._library.wmemchr(self._address + start, word, (end - start) // 4)
        return -1 if at is None else at - self._address
