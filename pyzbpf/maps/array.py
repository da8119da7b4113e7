"""Arrays: keys are the numbers from 0, all of them exist, none can be deleted."""

from __future__ import annotations

import sys

from pyzbpf.errors import Error
from pyzbpf.maps.base import Map

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import MapSpec


class Array(Map):
    """An array map; ``for index in map`` counts, ``map.values()`` gives the contents in order."""

    __slots__ = ()

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd, btf)
        self.encode_key: Callable[[Any], bytes] = self._index
        self.decode_key = _number

    def _index(self, key: Any) -> bytes:
        size = self.spec.max_entries
        if isinstance(key, int) and 0 <= key < size:
            return int(key).to_bytes(4, sys.byteorder)
        if isinstance(key, int):
            raise KeyError(f"index {key} of array '{self.name}', which has {size} elements from 0")
        raise Error(f"map '{self.name}', key: the index of an array is an int, not {key!r}")

    def __contains__(self, key: object) -> bool:
        return isinstance(key, int) and 0 <= key < self.spec.max_entries

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


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, sys.byteorder)


class References(Array):
    """An array of descriptors (programs for tail calls, sockets, perf events): empty places are no keys.

    A value to store is anything with `fileno()`, or a descriptor's number; a value read is the
    kernel's id of the object (for the kinds that can be read).
    """

    __slots__ = ()

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd, btf)
        self.encode_value = self._descriptor
        self.decode_value = _number

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

    def _descriptor(self, value: Any) -> bytes:
        try:
            number = value if isinstance(value, int) else value.fileno()
            return int(number).to_bytes(4, sys.byteorder)
        except (AttributeError, OverflowError):
            raise Error(
                f"map '{self.name}', value: something with fileno() is wanted, or a descriptor's number, not {value!r}"
            ) from None
