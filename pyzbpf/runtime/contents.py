"""What an object puts into its maps by name: maps into maps, programs into arrays and structs of functions."""

from __future__ import annotations

import sys

from pyzbpf.errors import PrivilegeError, SystemCallError
from pyzbpf.kernel import commands

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from pyzbpf.adapt.struct_ops import StructOps
    from pyzbpf.maps.base import KernelMap

    class Described(Protocol):
        def fileno(self) -> int: ...


def fill(map: KernelMap, known: Mapping[str, Described]) -> None:
    """Store the descriptors of what the map's spec names; a program that was not loaded leaves its place empty."""
    for index, name in map.spec.values:
        if name not in known:
            continue
        key, value = (number.to_bytes(4, sys.byteorder) for number in (index, known[name].fileno()))
        try:
            commands.map_update(map.fileno(), key, value)
        except (SystemCallError, PrivilegeError) as error:
            from pyzbpf.maps import refusals

            raise refusals.explain(map, value, error, f", element {index}: '{name}'") from error


def complete(map: KernelMap, value: StructOps, programs: Mapping[str, Described]) -> None:
    """Put the descriptors of the programs into a struct of functions."""
    for offset, name in value.programs:
        # The kernel reads an unsigned long (bpf_struct_ops_map_update_elem).
        value.value[offset : offset + 8] = programs[name].fileno().to_bytes(8, sys.byteorder)
    map.value = bytes(value.value)  # type: ignore[attr-defined]
