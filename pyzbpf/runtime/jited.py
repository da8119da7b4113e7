"""A loaded program's machine code, whole and as text with the lines of its source."""

from __future__ import annotations

import os
import struct

from pyzbpf.errors import Error
from pyzbpf.kernel import commands, kallsyms
from pyzbpf.kernel.syscall import address
from pyzbpf.runtime import listing
from pyzbpf.runtime.disassembler import disassemble
from pyzbpf.uapi.attrs import PROG_INFO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ADDRESS, _LENGTH = struct.Struct("=Q"), struct.Struct("=I")


def machine_code(program: int) -> bytes:
    """What the kernel's compiler has made of it; empty where programs are interpreted."""
    size = int(commands.object_info(program, PROG_INFO)["jited_prog_len"])
    code = bytearray(size)
    if size:
        commands.object_info(program, PROG_INFO, {"jited_prog_insns": address(code), "jited_prog_len": size})
    if size and not any(code):
        raise Error(
            "the kernel does not show this program's machine code: it takes CAP_SYSLOG and kernel.kptr_restrict below 2"
        )
    return bytes(code)


def lines(program: int) -> Iterator[str]:
    """Functions, each with its name and its instructions, before these the lines of source that they begin."""
    code = machine_code(program)
    if not code:
        raise Error(
            "the kernel has no machine code of this program for us: it is interpreted, or this process lacks CAP_BPF\n"
            "  Programs that are loaded while net.core.bpf_jit_enable is 1 are compiled (CONFIG_BPF_JIT=y)."
        )
    machine, start = os.uname().machine, 0
    functions = []
    for (place,), (length,) in zip(
        listing.records(program, "jited_ksyms", _ADDRESS),
        listing.records(program, "jited_func_lens", _LENGTH),
        strict=True,
    ):
        functions.append((place, list(disassemble(code[start : start + length], machine, place))))
        start += length
    names = listing.functions(program) or [f"function {number}" for number in range(len(functions))]
    own = {place: name for (place, _), name in zip(functions, names, strict=True)}
    known = _symbols(named for _, code in functions for _, _, named in code if named is not None) | own
    begins: dict[int, list[str]] = {}
    starts = listing.records(program, "jited_line_info", _ADDRESS)
    for (place,), (_, line) in zip(starts, listing.source(program), strict=False):
        begins.setdefault(place, []).append(line)
    for place, instructions in functions:
        yield f"{own[place]}:"
        for offset, text, named in instructions:
            yield from (f"; {line}" for line in begins.get(place + offset, ()))
            yield f"{offset:5x}: {text}" + (f" <{known[named]}>" if named in known else "")


def _symbols(places: Iterable[int]) -> dict[int, str]:
    """The kernel's names of these addresses; {} where it tells none."""
    try:
        return kallsyms.names(places)
    except Error:
        return {}
