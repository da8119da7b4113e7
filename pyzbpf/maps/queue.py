"""Queues and stacks: maps without keys."""

from __future__ import annotations

from pyzbpf.errors import Error
from pyzbpf.kernel import commands
from pyzbpf.maps.base import Map

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Queue(Map):
    """A queue or stack map: `push`, `pop` and `peek`; iterating pops until it is empty."""

    __slots__ = ()

    def push(self, value: Any) -> None:
        """Add a value; Error where the map is full."""
        self._update(b"", value, 0)

    def _coders(self, btf: Any, type_id: int, size: int, what: str) -> Any:
        if what == "key":
            return bytes, bytes  # there are none
        return super()._coders(btf, type_id, size, what)

    def pop(self, *default: Any) -> Any:
        """Take the next value; KeyError (or ``default``) where there is none."""
        raw = commands.map_lookup_and_delete(self.fileno(), b"", self.spec.value_size)
        return self._given(raw, default)

    def peek(self, *default: Any) -> Any:
        """The next value, which stays; KeyError (or ``default``) where there is none."""
        return self._given(self._lookup(b""), default)

    def _given(self, raw: bytes | bytearray | None, default: tuple[Any, ...]) -> Any:
        if raw is not None:
            return self._decode_value(bytes(raw))
        if default:
            return default[0]
        raise KeyError(f"'{self.name}' is empty")

    def __iter__(self) -> Iterator[Any]:
        while True:
            raw = commands.map_lookup_and_delete(self.fileno(), b"", self.spec.value_size)
            if raw is None:
                return
            yield self._decode_value(bytes(raw))

    def _raw_keys(self) -> Iterator[bytes]:
        raise Error(
            f"'{self.name}' is a queue or stack: it has no keys and cannot be counted; use pop() or peek()"
        )

    def __bool__(self) -> bool:
        return self._lookup(b"") is not None
