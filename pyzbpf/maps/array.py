"""Arrays: keys are the numbers from 0, all of them exist, none can be deleted."""

from __future__ import annotations

import operator
import sys

from pyzbpf.errors import Error, SystemCallError
from pyzbpf.kernel.syscall import ENOSPC
from pyzbpf.maps.base import Map
from pyzbpf.uapi.enums import (
    BPF_F_MMAPABLE,
    BPF_F_RDONLY,
    BPF_MAP_TYPE_ARRAY,
    BPF_MAP_TYPE_ARRAY_OF_MAPS,
    BPF_MAP_TYPE_HASH_OF_MAPS,
    BPF_MAP_TYPE_PROG_ARRAY,
    BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
    BPF_MAP_TYPE_SOCKHASH,
    BPF_MAP_TYPE_SOCKMAP,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.kernel.memory import Mapping
    from pyzbpf.spec.model import MapSpec

    Base = Map
else:
    Base = object


class Indexed(Map):
    """What all arrays share: keys are indices."""

    __slots__ = ()

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd, btf)
        self.encode_key: Callable[[Any], bytes] = self._index
        self.decode_key = number

    def _index(self, key: Any) -> bytes:
        size = self.spec.max_entries
        try:
            index = operator.index(key)  # a number of numpy, too
        except TypeError:
            raise Error(f"map '{self.name}', key: the index of an array is an int, not {key!r}") from None
        if 0 <= index < size:
            return index.to_bytes(4, sys.byteorder)
        raise KeyError(f"index {key} of array '{self.name}', which has {size} elements from 0")

    def __contains__(self, key: object) -> bool:
        return hasattr(key, "__index__") and 0 <= operator.index(key) < self.spec.max_entries

    def __delitem__(self, key: Any) -> None:
        raise self._undeletable()

    def clear(self) -> None:
        raise self._undeletable()

    def delete(self, _: Iterable[Any], /) -> int:
        raise self._undeletable()

    def drain(self) -> list[tuple[Any, Any]]:
        raise self._undeletable()

    def _undeletable(self) -> Error:
        return Error(
            f"'{self.name}' is an array: its elements exist for ever; store zeros instead of deleting them"
        )

    def _raw_keys(self) -> Iterator[bytes]:
        for index in range(self.spec.max_entries):
            yield index.to_bytes(4, sys.byteorder)

    def __len__(self) -> int:
        return self.spec.max_entries


def number(raw: bytes) -> int:
    return int.from_bytes(raw, sys.byteorder)


class Array(Indexed):
    """An array map; ``for index in map`` counts, ``map.values()`` gives the contents in order.

    One that is made with the flag BPF_F_MMAPABLE (Linux 5.5) is memory that we share with the programs: elements are read
    without system calls, and `column` and `view` show it as it is at any moment.
    """

    __slots__ = ("_mapping",)

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd, btf)
        self._mapping: Mapping | None = None

    @property
    def is_mapped(self) -> bool:
        """Whether the array is memory that can be shared."""
        spec = self.spec
        return bool(spec.flags & BPF_F_MMAPABLE) and spec.type == BPF_MAP_TYPE_ARRAY and not spec.frozen

    @property
    def _stride(self) -> int:
        return -(-self.spec.value_size // 8) * 8

    def _memory(self) -> Mapping:
        """The shared memory, mapped when it is first asked for."""
        from pyzbpf.kernel.memory import PAGE, Mapping

        if not self.is_mapped:
            raise Error(
                f"array '{self.name}' is no shared memory: make it with the flag BPF_F_MMAPABLE (Linux 5.5)"
            )
        if self._mapping is None:
            length = -(-self._stride * self.spec.max_entries // PAGE) * PAGE
            self._mapping = Mapping(
                self.fileno(),
                length,
                writable=not self.spec.flags & BPF_F_RDONLY,
                what=f"array '{self.name}'",
            )
        return self._mapping

    def lookup_raw(self, key: bytes) -> bytes | None:
        if not self.is_mapped:
            return super().lookup_raw(key)
        self.fileno()  # ValueError where the map is closed
        return self._memory().load(self._stride * number(key), self.spec.value_size)

    def column(self, name: str = "") -> memoryview:
        """One number of every element as a memoryview of the shared memory: ``sum(array.column())``, and stores, too.

        ``name`` is the member of a struct, ``a.b`` of an inner one; "" where elements are numbers.
        """
        from pyzbpf.btf import columns

        offset, letter = columns.member(self.btf, self.spec.value_type, name, f"an element of '{self.name}'")
        whole = self._memory().view[: self._stride * self.spec.max_entries].cast(letter)  # type: ignore[call-overload]
        size = whole.itemsize
        if offset % size:
            raise Error(f"array '{self.name}': '{name}' does not lie at a multiple of its size")
        column: memoryview = whole[offset // size :: self._stride // size]
        return column

    def view(self) -> Any:
        """The shared memory as a numpy array, which shows what programs write at any moment; stores go to them."""
        from pyzbpf.btf import columns

        memory = self._memory().view[: self._stride * self.spec.max_entries]
        return columns.array(
            memory, self.btf, self.spec.value_type, self.spec.value_size, stride=self._stride
        )

    def close(self) -> None:
        mapping, self._mapping = self._mapping, None
        if mapping is not None:
            mapping.close()
        super().close()


class _Descriptors(Base):
    """What all maps of descriptors share: something with ``fileno()`` is stored, a number is read."""

    __slots__ = ()

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd, btf)
        self.encode_value = lambda value: descriptor(spec, value)
        self.decode_value = number

    def lookup_raw(self, key: bytes) -> bytes | None:
        try:
            return super().lookup_raw(key)
        except SystemCallError as error:
            if error.errno != ENOSPC:
                raise
            from pyzbpf.maps import refusals

            raise refusals.unread_socket(self, error) from error


class References(_Descriptors, Indexed):
    """An array of descriptors (programs for tail calls, sockets, perf events): empty places are no keys.

    A value to store is anything with `fileno()`; a value read is the kernel's id of the object (for the kinds that can
    be read), of a socket its cookie (SO_COOKIE; the map's values have 8 bytes for it). Where nothing is read, a
    descriptor's number is taken, too.
    """

    __slots__ = ()

    def __contains__(self, key: object) -> bool:
        return Map.__contains__(self, key)

    def __delitem__(self, key: Any) -> None:
        Map.__delitem__(self, key)

    def clear(self) -> None:
        self.delete(list(self))

    delete = Map.delete

    def _raw_keys(self) -> Iterator[bytes]:
        for key in super()._raw_keys():
            if self.lookup_raw(key) is not None:
                yield key

    def __len__(self) -> int:
        return sum(1 for _ in self._raw_keys())


class ReferencesByKey(_Descriptors, Map):
    """Descriptors by a key of any type, else like `References`."""

    __slots__ = ()

    def __contains__(self, key: object) -> bool:
        if self.spec.type != BPF_MAP_TYPE_SOCKHASH or self.spec.value_size == _COOKIE:
            return super().__contains__(key)
        return self.encode_key(key) in self._raw_keys()  # the kernel reads no value of it


_COOKIE = 8
_SOCKET = "reading gives the cookie of a socket, so store the socket itself"
# What a number read from such a map is, which must not be taken for a descriptor.
_READ = {
    BPF_MAP_TYPE_PROG_ARRAY: "reading gives the id of a program, and pyzbpf.Program.by_id({0}) is the program with an id",
    BPF_MAP_TYPE_ARRAY_OF_MAPS: "reading gives the id of a map, and pyzbpf.open_map({0}) is the map with an id",
    BPF_MAP_TYPE_HASH_OF_MAPS: "reading gives the id of a map, and pyzbpf.open_map({0}) is the map with an id",
    BPF_MAP_TYPE_SOCKMAP: _SOCKET,
    BPF_MAP_TYPE_SOCKHASH: _SOCKET,
    BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: _SOCKET,
}


def descriptor(spec: MapSpec, value: Any) -> bytes:
    """The value to store in a map of descriptors: of something with ``fileno()``, or a number where none is read."""
    read = _READ.get(spec.type)
    if isinstance(value, int) and read:
        why = read.format(value)
        raise Error(f"map '{spec.name}', value: something with fileno() is wanted, not {value!r}; {why}")
    try:
        number = value if isinstance(value, int) else value.fileno()
        return int(number).to_bytes(spec.value_size, sys.byteorder)
    except (AttributeError, OverflowError):
        alternative = "" if read else ", or a descriptor's number"
        raise Error(
            f"map '{spec.name}', value: something with fileno() is wanted{alternative}, not {value!r}"
        ) from None
