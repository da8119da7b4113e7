"""Queues and stacks: maps without keys."""

from __future__ import annotations

from pyzbpf.errors import Error, SystemCallError
from pyzbpf.kernel import commands
from pyzbpf.kernel.syscall import E2BIG
from pyzbpf.maps.base import KernelMap, coders
from pyzbpf.uapi.enums import BPF_ANY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import MapSpec


class Queue(KernelMap):
    """A queue or stack map: `push`, `pop` and `peek`; iterating pops until it is empty.

    It is no mapping, and the kernel does not count what is in it.
    """

    __slots__ = ("_decode", "_encode")

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd)
        self._encode, self._decode = coders(
            btf, spec.value_type, spec.value_size, f"map '{spec.name}', value"
        )

    def push(self, value: Any) -> None:
        """Add a value; Error where the map is full."""
        try:
            commands.map_update(self.fd.fileno(), b"", self._encode(value), BPF_ANY)
        except SystemCallError as error:
            if error.errno != E2BIG:
                raise
            size = self.spec.max_entries
            raise Error(
                f"map '{self.name}' is full: it holds {size} values; raise its max_entries"
            ) from error

    def pop(self, *default: Any) -> Any:
        """Take the next value; KeyError (or ``default``) where there is none."""
        raw = commands.map_lookup_and_delete(self.fd.fileno(), b"", self.spec.value_size)
        return self._given(raw, default)

    def peek(self, *default: Any) -> Any:
        """The next value, which stays; KeyError (or ``default``) where there is none."""
        raw = commands.map_lookup(self.fd.fileno(), b"", self.spec.value_size)
        return self._given(raw, default)

    def _given(self, raw: bytearray | None, default: tuple[Any, ...]) -> Any:
        if raw is not None:
            return self._decode(bytes(raw))
        if default:
            return default[0]
        raise KeyError(f"'{self.name}' is empty")

    def __iter__(self) -> Iterator[Any]:
        while True:
            raw = commands.map_lookup_and_delete(self.fd.fileno(), b"", self.spec.value_size)
            if raw is None:
                return
            yield self._decode(bytes(raw))
