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

    from pyzbpf.btf.decode import Btf

_CALL, _CALL_BASE = 0x85, "__bpf_call_base"
_LINE = struct.Struct("=IIII")  # instruction, file name, text, line << 10 | column
_FUNCTION = struct.Struct("=II")  # instruction, type


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


def lines(program: int) -> Iterator[str]:
    """Instructions as text, before each the line of source that it begins, ``; probe.zig:7:6: x += 1``."""
    code = translated(program)
    begins = dict(source(program))
    for index, text in disassemble.disassemble(code, sys.byteorder, _names(code)):
        if index in begins:
            yield f"; {begins[index]}"
        yield f"{index:5}: {text}"


def source(program: int) -> list[tuple[int, str]]:
    """(index of its first instruction, ``file:line:column: text``) of each line of source; [] where none are known."""
    btf = _types(program)
    if btf is None:
        return []
    return [
        (at, f"{btf.string(file)}:{place >> 10}:{place & 0x3FF}: {btf.string(text).strip()}".rstrip(": "))
        for at, file, text, place in records(program, "line_info", _LINE)
    ]


def functions(program: int) -> list[str]:
    """The names of the program's functions, its entry first; [] where they are unknown."""
    btf = _types(program)
    return [] if btf is None else [btf.get(id).name for _, id in records(program, "func_info", _FUNCTION)]


def records(program: int, member: str, layout: struct.Struct) -> list[tuple[int, ...]]:
    """One of the arrays of struct bpf_prog_info; [] where the kernel has none or does not know it."""
    info = commands.object_info(program, PROG_INFO)
    count = int(info.get(f"nr_{member}", 0))
    if not count:
        return []
    width = int(info.get(f"{member}_rec_size", layout.size))
    array = bytearray(count * width)
    given = {member: address(array), f"nr_{member}": count}
    if f"{member}_rec_size" in PROG_INFO:
        given[f"{member}_rec_size"] = width
    commands.object_info(program, PROG_INFO, given)
    return [layout.unpack_from(array, number * width) for number in range(count)]


def _types(program: int) -> Btf | None:
    number = int(commands.object_info(program, PROG_INFO).get("btf_id", 0))
    try:
        return program_types.read(number) if number else None
    except PrivilegeError:
        return None


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
