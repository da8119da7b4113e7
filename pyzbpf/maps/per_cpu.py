"""Per-CPU maps: each key has one value for every possible CPU."""

from __future__ import annotations

from pyzbpf.btf.record import EnumValue, Record
from pyzbpf.errors import Error
from pyzbpf.kernel import cpus
from pyzbpf.maps.array import Indexed
from pyzbpf.maps.base import Map

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import MapSpec


class PerCpu(Map):
    """A per-CPU hash, or values of control groups per CPU: a value read or stored is a list with one item for every possible CPU."""

    __slots__ = ("_stride",)

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd, btf)
        # The kernel rounds each CPU's value up to 8 bytes (bpf_percpu_array_copy, htab alike).
        self._stride = -(-spec.value_size // 8) * 8
        one_in, one_out = self.encode_value, self.decode_value

        def encode(values: Any) -> bytes:
            # Text and bytes could be taken apart, too, and would mean something else.
            known = hasattr(values, "__iter__") and not isinstance(values, (str, bytes, bytearray))
            items = list(values) if known else []
            if len(items) != cpus.possible():
                given = f"{len(items)} values" if known else repr(values)
                raise Error(
                    f"map '{self.name}' has a value for each possible CPU: a sequence of {cpus.possible()} is wanted, "
                    f"not {given}"
                )
            return b"".join(one_in(item).ljust(self._stride, b"\0") for item in items)

        def decode(raw: bytes) -> list[Any]:
            size, stride = self.spec.value_size, self._stride
            return [one_out(raw[start : start + size]) for start in range(0, len(raw), stride)]

        self.encode_value, self.decode_value = encode, decode

    @property
    def per_cpu(self) -> int:  # type: ignore[override]
        """How many values each key has: one for every possible CPU."""
        return cpus.possible()

    @property
    def value_bytes(self) -> int:
        return self._stride * cpus.possible()

    def sum(self, key: Any) -> Any:
        """The numbers of all CPUs for a key, added up; of structs and arrays each member. KeyError without the key.

        A boolean is whether any CPU's is set; of text, bytes and enums it is the first that is not empty or zero.
        """
        return added(self[key])

    def sums(self) -> dict[Any, Any]:
        """`sum` for every key."""
        return {key: added(values) for key, values in self.items()}


def added(values: list[Any]) -> Any:
    """Values of one type added up: numbers, members of structs and items of arrays by themselves.

    A boolean is whether any is set; of what is no number (text, bytes, enums) it is the first that is not empty or zero.
    """
    first = values[0]
    if isinstance(first, Record):
        return type(first)(*(added([getattr(value, name) for value in values]) for name in first._fields))
    if isinstance(first, list):
        return [added(list(items)) for items in zip(*values, strict=True)]
    if isinstance(first, (str, bytes)):
        return next(
            (value for value in values if value.strip("\0" if isinstance(value, str) else b"\0")), first
        )
    if isinstance(first, bool):
        return any(values)
    if any(isinstance(value, EnumValue) for value in values):
        return next((value for value in values if value), first)
    return sum(values)


class PerCpuArray(PerCpu, Indexed):
    """A per-CPU array: indices from 0, values as for `PerCpu`."""

    __slots__ = ()
