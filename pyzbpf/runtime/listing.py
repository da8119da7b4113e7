"""A loaded program's code as the kernel runs it, with the lines of its source."""

from __future__ import annotations

import struct
import sys

from pyzbpf.errors import Error, PrivilegeError
from pyzbpf.insn import disassemble
from pyzbpf.kernel import commands, kallsyms, program_types
from pyzbpf.kernel.syscall import address
from pyzbpf.uapi.attrs import PROG_INFO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_CALL, _CALL_BASE = 0x85, "__bpf_call_base"
_LINE = struct.Struct("=IIII")  # instruction, file name, text, line << 10 | column


def translated(program: int) -> bytes:
    """The instructions that the verifier has made of a program; Error where the kernel does not show them."""
    size = int(commands.object_info(program, PROG_INFO)["xlated_prog_len"])
    code = bytearray(size)
    commands.object_info(program, PROG_INFO, {"xlated_prog_insns": address(code), "xlated_prog_len": size})
    if size and not any(code):
        raise Error(
            "the kernel does not show this program's instructions: it takes CAP_PERFMON, and no kernel.kptr_restrict "
            "or hardening of its compiler (net.core.bpf_jit_harden)"
        )
    return bytes(code)


def machine_code(program: int) -> bytes:
    """What the kernel's compiler has made of it; empty where programs are interpreted."""
    size = int(commands.object_info(program, PROG_INFO)["jited_prog_len"])
    code = bytearray(size)
    if size:
        commands.object_info(program, PROG_INFO, {"jited_prog_insns": address(code), "jited_prog_len": size})
    return bytes(code)


def lines(program: int) -> Iterator[str]:
    """Instructions as text, before each the line of source that it begins, ``; probe.zig:7:6: x += 1``."""
    code = translated(program)
    source = _source(program)
    for index, text in disassemble.disassemble(code, sys.byteorder, _names(code)):
        if index in source:
            yield f"; {source[index]}"
        yield f"{index:5}: {text}"


def _source(program: int) -> dict[int, str]:
    """The line of source by the index of its first instruction."""
    info = commands.object_info(program, PROG_INFO)
    count, width = int(info.get("nr_line_info", 0)), int(info.get("line_info_rec_size", 0))
    if not count or not info.get("btf_id"):
        return {}
    records = bytearray(count * width)
    given = {"line_info": address(records), "nr_line_info": count, "line_info_rec_size": width}
    commands.object_info(program, PROG_INFO, given)
    try:
        btf = program_types.read(int(info["btf_id"]))
    except PrivilegeError:
        return {}
    found = {}
    for number in range(count):
        at, file, text, place = _LINE.unpack_from(records, number * width)
        found[at] = f"{btf.string(file)}:{place >> 10}:{place & 0x3FF}: {btf.string(text).strip()}".rstrip(
            ": "
        )
    return found


def _names(code: bytes) -> Callable[[int], str]:
    """How calls are called: in a loaded program they are distances from a function of the kernel."""
    distances = {
        struct.unpack_from("=i", code, at + 4)[0] for at in range(0, len(code), 8) if code[at] == _CALL
    }
    try:
        base = kallsyms.addresses([_CALL_BASE]).get(_CALL_BASE, 0)
        known = kallsyms.names(base + distance & (1 << 64) - 1 for distance in distances)
    except Error:  # addresses are hidden
        return lambda distance: f"kernel{distance:+#x}"
    return lambda distance: known.get(base + distance & (1 << 64) - 1, f"kernel{distance:+#x}")
