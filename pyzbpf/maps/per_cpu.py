"""Per-CPU maps: each key has one value for every possible CPU."""

from __future__ import annotations

from pyzbpf.errors import Error
from pyzbpf.kernel import cpus
from pyzbpf.maps.array import Array
from pyzbpf.maps.base import Map

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import MapSpec


class PerCpu(Map):
    """A per-CPU hash: a value read or stored is a list with one item for every possible CPU."""

    __slots__ = ("_stride",)

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd, btf)
        # The kernel rounds each CPU's value up to 8 bytes (bpf_percpu_array_copy, htab alike).
        self._stride = -(-spec.value_size // 8) * 8
        one_in, one_out = self._encode_value, self._decode_value

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

        self._encode_value, self._decode_value = encode, decode

    @property
    def _value_bytes(self) -> int:
        return self._stride * cpus.possible()

    def sum(self, key: Any) -> Any:
        """The numbers of all CPUs for a key, added up."""
        return sum(self[key])


class PerCpuArray(PerCpu, Array):
    """A per-CPU array: indices from 0, values as for `PerCpu`."""

    __slots__ = ()
