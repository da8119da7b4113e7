"""Tries of prefixes (Linux 4.11): a lookup finds the longest prefix that holds an address."""

from __future__ import annotations

import sys

from pyzbpf.errors import Error
from pyzbpf.maps.base import Map

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyzbpf.btf.decode import Btf
    from pyzbpf.kernel.fd import Fd
    from pyzbpf.spec.model import MapSpec

# Bytes of struct bpf_lpm_trie_key before the data: the number of bits that count.
_PREFIX = 4
_ADDRESSES = (4, 16)


class LpmTrie(Map):
    """A trie; keys of 4 or 16 bytes of data are networks of `ipaddress`, or text: ``"10.0.0.0/8"``, ``"10.1.2.3"``.

    Reading with an address gives the value of the longest prefix that holds it. Keys of other sizes, and keys given
    as the probe's struct, are as their type says: the number of bits that count, then the data.
    """

    __slots__ = ("_own_key",)

    def __init__(self, spec: MapSpec, fd: Fd, btf: Btf | None) -> None:
        super().__init__(spec, fd, btf)
        self._own_key = self.encode_key
        if spec.key_size - _PREFIX in _ADDRESSES:
            self.encode_key, self.decode_key = self._from_network, self._to_network

    def _from_network(self, key: Any) -> bytes:
        import ipaddress

        if not isinstance(key, (str, ipaddress._BaseNetwork, ipaddress._BaseAddress)):
            return self._own_key(key)
        size = self.spec.key_size - _PREFIX
        try:
            network = ipaddress.ip_network(key)  # type: ignore[arg-type]
        except ValueError as error:
            raise Error(f"map '{self.name}', key: {error}") from None
        packed = network.network_address.packed
        if len(packed) != size:
            version = {4: "IPv4", 16: "IPv6"}[size]
            raise Error(
                f"map '{self.name}', key: {key} is no {version} network, and its keys have {size} bytes of data"
            )
        return int(network.prefixlen).to_bytes(_PREFIX, sys.byteorder) + packed

    def _to_network(self, raw: bytes) -> Any:
        import ipaddress

        length = int.from_bytes(raw[:_PREFIX], sys.byteorder)
        kind = ipaddress.IPv4Network if len(raw) == 8 else ipaddress.IPv6Network
        return kind((raw[_PREFIX:], length), strict=False)
