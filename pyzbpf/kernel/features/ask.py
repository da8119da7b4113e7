"""How the kernel is asked: one small request for each kind of thing, undone at once.

Where a request ends with an error that only a kernel with the feature gives (such as EBADF for a
descriptor that it looked at), that is a yes.
"""

from __future__ import annotations

import errno as errors
import os
import struct

from pyzbpf.kernel import commands, privilege
from pyzbpf.kernel.features.feature import Answer
from pyzbpf.kernel.privilege import to_load
from pyzbpf.kernel.syscall import ENOTSUPP, EPERM, address
from pyzbpf.uapi import attrs
from pyzbpf.uapi import enums as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

LITTLE = struct.pack("=H", 1)[0] == 1

_LICENSE = b"GPL\0"
_NONE: Mapping[str, int | bytes] = {}
_LOG = 8192


def instruction(opcode: int, dst: int = 0, src: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    """One instruction; the halves of the register byte change places with the byte order."""
    registers = src << 4 | dst if LITTLE else dst << 4 | src
    return struct.pack("=BBhi", opcode, registers, offset, immediate)


def move(register: int, number: int) -> bytes:
    """Register = number"""
    return instruction(0xB7, register, immediate=number)


def call(helper: int) -> bytes:
    """r0 = helper(r1, …)"""
    return instruction(0x85, immediate=helper)


EXIT = instruction(0x95)
RETURN = move(0, 0) + EXIT
RETURN_ONE = move(0, 1) + EXIT


def refusal(result: int, capability: str, log: str = "") -> Answer:
    """No, with the errno and the last line of the log; unknown where this process lacks the capability."""
    number = abs(result)
    name = "ENOTSUPP" if number == ENOTSUPP else errors.errorcode.get(number, str(number))
    if number == EPERM:
        lacking = privilege.missing(capability, privilege.effective())
        if lacking:
            return Answer(None, f"EPERM, {' and '.join(lacking)} missing")
    lines = [line.strip() for line in log.splitlines() if line.strip() and not line.startswith("processed ")]
    return Answer(False, f"{name}: {lines[-1]}" if lines else name)


def verdict(result: int, capability: str, *, yes: Collection[int] = (), log: str = "") -> Answer:
    """Yes for a descriptor, which is closed, and for the errnos in ``yes``."""
    if result >= 0:
        os.close(result)
        return Answer(True)
    return Answer(True) if -result in yes else refusal(result, capability, log)


def load(
    type: int,
    code: bytes = RETURN,
    members: Mapping[str, int | bytes] = _NONE,
    *,
    name: str = "",
    log: bool = True,
) -> tuple[int, str]:
    """BPF_PROG_LOAD: (descriptor or negative errno, the verifier's log)."""
    text = bytearray(_LOG) if log else None
    values: dict[str, int | bytes] = {
        "prog_type": type,
        "insn_cnt": len(code) // 8,
        "insns": address(code),
        "license": address(_LICENSE),
        "prog_name": name.encode(),
        **members,
    }
    result, _ = commands.prog_load(values, log=text)
    return result, text.partition(b"\0")[0].decode(errors="replace") if text else ""


def program(
    type: int,
    code: bytes = RETURN,
    members: Mapping[str, int | bytes] = _NONE,
    *,
    name: str = "",
    log: bool = True,
) -> Answer:
    """Whether such a program passes the verifier."""
    result, text = load(type, code, members, name=name, log=log)
    return verdict(result, to_load(type), log=text)


def refused_with(
    words: str, type: int, code: bytes = RETURN, members: Mapping[str, int | bytes] = _NONE
) -> Answer:
    """Whether the refusal of a program says ``words``, which only a kernel with the feature does."""
    result, log = load(type, code, members)
    if result < 0 and words in log:
        return Answer(True)
    return verdict(result, to_load(type), log=log)


def link(
    attach: int,
    yes: Collection[int],
    type: int,
    members: Mapping[str, int | bytes],
    loading: Mapping[str, int | bytes] = _NONE,
) -> Answer:
    """Whether BPF_LINK_CREATE knows the attach type: it is asked for what cannot be, and ends with one of ``yes``.

    ``loading`` are members of bpf_attr for the program, ``members`` those for the link.
    """
    result, log = load(type, RETURN, loading)
    if result < 0:
        return refusal(result, to_load(type), log)
    try:
        values: dict[str, int | bytes] = {"prog_fd": result, "attach_type": attach, **members}
        linked = commands.request(e.BPF_LINK_CREATE, attrs.LINK_CREATE, values)
        return verdict(linked, to_load(type), yes=yes)
    finally:
        os.close(result)


def map(type: int, key: int = 4, value: int = 4, entries: int = 1, flags: int = 0, **members: int) -> int:
    """BPF_MAP_CREATE: descriptor or negative errno."""
    values: dict[str, int | bytes] = {
        "map_type": type,
        "key_size": key,
        "value_size": value,
        "max_entries": entries,
        "map_flags": flags,
        **members,
    }
    return commands.request(e.BPF_MAP_CREATE, attrs.MAP_CREATE, values)


def btf(types: tuple[int, ...], strings: bytes, layout: bytes = b"") -> int:
    """BPF_BTF_LOAD of types given as words: descriptor or negative errno."""
    body = struct.pack(f"={len(types)}I", *types)
    header = struct.pack(
        "=HBBIIIII", 0xEB9F, 1, 0, 32 if layout else 24, 0, len(body), len(body) + len(layout), len(strings)
    )
    if layout:
        header += struct.pack("=II", len(body), len(layout))
    data = header + body + layout + strings
    values: dict[str, int | bytes] = {"btf": address(data), "btf_size": len(data)}
    return commands.request(e.BPF_BTF_LOAD, attrs.BTF_LOAD, values)
