"""What our loader sends to the kernel for an object, as data, to lay beside what another loader sends."""

from __future__ import annotations

import itertools
import struct
import sys
from typing import NamedTuple

import pyzbpf
from pyzbpf.adapt.adapt import adapt
from pyzbpf.adapt.core import Relocator
from pyzbpf.insn.instruction import CALL, LD_IMM64
from pyzbpf.kernel.target import FileTarget, KernelTarget
from pyzbpf.runtime.externs import KernelExterns
from pyzbpf.runtime.loader import map_name
from pyzbpf.uapi.enums import (
    BPF_PSEUDO_BTF_ID,
    BPF_PSEUDO_CALL,
    BPF_PSEUDO_FUNC,
    BPF_PSEUDO_MAP_FD,
    BPF_PSEUDO_MAP_VALUE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pyzbpf.adapt.adapt import ReadyProgram


class Sent(NamedTuple):
    """``code`` by program, ``maps`` name by descriptor; ``ready`` is what the code was made from."""

    code: dict[str, bytes]
    maps: dict[int, str]
    ready: dict[str, ReadyProgram]


class Instruction(NamedTuple):
    opcode: int
    registers: int
    offset: int
    immediate: int
    high: int | None  # of the second half, where there is one
    map: str | None  # the map that it refers to, in place of the descriptor


def sent(path: Path, btf: Path | None = None) -> Sent:
    """What the loader makes of an object for the running kernel, or with CO-RE for the types in ``btf``.

    Made-up descriptors stand for maps, so nothing is created.
    """
    spec = pyzbpf.open(path)
    relocator = Relocator(spec, KernelTarget if btf is None else lambda: FileTarget(str(btf)))
    externs = KernelExterns(spec) if spec.externs else None
    ready = {name: adapt(spec, program, relocator, externs) for name, program in spec.programs.items()}
    descriptors = {name: 1000 + number for number, name in enumerate(spec.maps)}
    return Sent(
        {name: program.with_descriptors(descriptors) for name, program in ready.items()},
        {descriptors[name]: map_name(spec, map) for name, map in spec.maps.items()},
        ready,
    )


def listing(code: bytes, maps: Mapping[int, str] | None, endian: str = sys.byteorder) -> list[Instruction]:
    """The instructions with maps by name; with ``maps`` None the names are not known and not compared.

    Maps of jump tables have none: a loader makes them on its own.
    """
    found = []
    order = {"little": "<", "big": ">"}[endian]
    halves = struct.iter_unpack(f"{order}BBhi", code)
    for opcode, registers, offset, immediate in halves:
        high, name = None, None
        if opcode == LD_IMM64:
            high = next(halves)[3]
            source = registers >> 4 if endian == "little" else registers & 15
            if source in (BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE):
                name = "" if maps is None else maps.get(immediate, "a jump table")
                immediate = 0
            elif source == BPF_PSEUDO_BTF_ID:
                high = 0  # the descriptor of a module's types
        found.append(Instruction(opcode, registers, offset, immediate, high, name))
    return found


def in_order_of_calls(code: list[Instruction]) -> list[list[Instruction]]:
    """A loaded program's functions, each behind the first that calls it, and calls aimed by that number.

    Loaders may append subprograms in any order; the kernel keeps distances in the offset of calls, and in
    the immediate of what takes an address (jit_subprogs in kernel/bpf/verifier.c).
    """
    places = list(
        itertools.accumulate((1 if one.high is None else 2 for one in code), initial=0)
    )  # in units of eight bytes

    def aim(at: int) -> int | None:
        one, source = code[at], code[at].registers >> (4 if sys.byteorder == "little" else 0) & 15
        if one.opcode == CALL and source == BPF_PSEUDO_CALL:
            return places[at] + 1 + (one.offset or one.immediate)
        if one.opcode == LD_IMM64 and source == BPF_PSEUDO_FUNC:
            return places[at] + 1 + one.immediate
        return None

    aims = {at: target for at in range(len(code)) if (target := aim(at)) is not None}
    starts = sorted({0, *aims.values()})
    ends = dict(zip(starts, [*starts[1:], places[-1]], strict=True))
    order, functions = [0], []
    for start in order:
        function = []
        for at in range(places.index(start), places.index(ends[start])):
            one = code[at]
            if at in aims:
                if aims[at] not in order:
                    order.append(aims[at])
                one = one._replace(offset=0, immediate=order.index(aims[at]), high=one.high and 0)
            function.append(one)
        functions.append(function)
    return functions
