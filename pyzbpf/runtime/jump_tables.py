"""The jump tables of a program: a map of instructions for each, which the program may jump to (Linux 6.19).

As libbpf makes them (create_jt_map): filled with places in the code as it is sent, and frozen. A map serves one program,
which keeps it.
"""

from __future__ import annotations

import os
import struct

from pyzbpf.errors import UnsupportedError
from pyzbpf.kernel import commands, limits
from pyzbpf.maps import open as map_open
from pyzbpf.spec.model import JUMP_TABLES, MapSpec
from pyzbpf.uapi.enums import BPF_MAP_TYPE_INSN_ARRAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyzbpf.kernel.fd import Fd

ADVICE = "Compile it with -fno-jump-tables, or for cpu v3: then a switch is a chain of comparisons."

_KEY = struct.Struct("=I")
# struct bpf_insn_array_value: the kernel says what it makes of the first in the others.
_VALUE = struct.Struct("=IIII")


def create(tables: Mapping[str, Sequence[int]], made: dict[str, Fd], *, token: int) -> None:
    """Put a map for each table into ``made``; UnsupportedError where the kernel has none."""
    for name, places in tables.items():
        spec = MapSpec(
            name,
            section=JUMP_TABLES,
            type=BPF_MAP_TYPE_INSN_ARRAY,
            key_size=_KEY.size,
            value_size=_VALUE.size,
            max_entries=len(places),
        )
        try:
            made[name] = map_open.create(spec, JUMP_TABLES, None, map_token_fd=token)
        except UnsupportedError as error:
            raise UnsupportedError(f"the {name}", since=error.since, advice=ADVICE) from error
        fd = made[name].fileno()
        for number, place in enumerate(places):
            commands.map_update(fd, _KEY.pack(number), _VALUE.pack(place, 0, 0, 0))
        commands.map_freeze(fd)


def no_jit() -> str:
    """Why a kernel that has such maps does not take the program: its JIT must know the jumps (x86-64 and arm64 began)."""
    return limits.no_jit() or f"The JIT for {os.uname().machine} seems not to know indirect jumps. {ADVICE}"
