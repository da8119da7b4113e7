"""Functions of the C library, and where the bytes of a buffer lie.

`ctypes` is a layer of Python on the module `_ctypes`, and importing it takes longer than loading a probe. Of the module
below it we need a few names, the same in every CPython since 2.5; where one of them is missing (another interpreter,
another version), ctypes serves.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Buffer = bytes | bytearray
    # What ctypes and the module below it have both.
    Names = tuple[Callable[[str], type[Any]], Callable[..., Any], Callable[[Any], int], Callable[[], int]]


def _lean() -> Names:
    """(a C type by its letter, a function by its name, addressof, get_errno)."""
    import _ctypes as c

    class Function(c.CFuncPtr):
        _flags_ = c.FUNCFLAG_CDECL | c.FUNCFLAG_USE_ERRNO

    library = c.dlopen(None, 0)  # type: ignore[arg-type]  # None: what this process has loaded

    def c_type(letter: str) -> type[Any]:
        return type(f"c_{letter}", (c._SimpleCData,), {"_type_": letter})

    def function(name: str) -> Any:
        return Function(c.dlsym(library, name))

    return c_type, function, c.addressof, c.get_errno


def _whole() -> Names:
    """The same by what ctypes promises to have."""
    import ctypes as c

    letters = {
        "c": c.c_char,
        "z": c.c_char_p,
        "P": c.c_void_p,
        "i": c.c_int,
        "I": c.c_uint,
        "l": c.c_long,
        "L": c.c_ulong,
    }
    library = c.CDLL(None, use_errno=True)
    return letters.__getitem__, lambda name: library[name], c.addressof, c.get_errno


class Library:
    """The C library of this process. C types are letters as those of `struct`: "i", "I" and "l" are integers, "P" is an
    address, "z" the bytes that a pointer leads to.
    """

    __slots__ = ("_address", "_function", "_types", "errno")

    def __init__(self) -> None:
        try:
            names = _lean()
        except (ImportError, AttributeError):
            names = _whole()
        c_type, self._function, self._address, self.errno = names
        self._types = {letter: c_type(letter) for letter in "czPiIlL"}

    def function(self, name: str, result: str, arguments: str) -> Callable[..., Any]:
        """A function by the letters of its result and of its arguments. ``errno()`` is what the last call left there."""
        found: Any = self._function(name)
        found.restype, found.argtypes = self._types[result], [self._types[letter] for letter in arguments]
        return found  # type: ignore[no-any-return]

    def address_of(self, buffer: Buffer) -> int:
        """Where the bytes lie; 0 where there are none. The caller keeps the buffer alive, and its size."""
        if isinstance(buffer, bytes):
            return int.from_bytes(self._types["z"](buffer), sys.byteorder)
        return self._address(self._types["c"].from_buffer(buffer)) if buffer else 0

    def view(self, address: int, size: int) -> memoryview:
        """The bytes at an address, to be written too."""
        return memoryview((self._types["c"] * size).from_address(address)).cast("B")
