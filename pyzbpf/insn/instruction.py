"""The eight bytes of a BPF instruction: just what reading and writing references needs.

Source: RFC 9669 (BPF instruction set) and include/uapi/linux/bpf.h.
"""

from __future__ import annotations

import struct

SIZE = 8
LD_IMM64 = 0x18  # the one instruction of 16 bytes
CALL, EXIT = 0x85, 0x95
CALL_REGISTER = 0x8D  # which compilers write and no kernel takes
JA, JA32 = 0x05, 0x06  # the second goes as far as its immediate says (cpu v4)
JA_REGISTER = 0x0D  # gotox: to the instruction that a register says (cpu v4, Linux 6.19)

# What the source register of a call says its immediate is.
CALL_HELPER, CALL_FUNCTION, CALL_KFUNC = 0, 1, 2

_IMMEDIATE = {"little": struct.Struct("<i"), "big": struct.Struct(">i")}


def source_register(code: bytes | bytearray, offset: int, endian: str) -> int:
    """The source register: the high nibble on little-endian machines, the low one on big-endian."""
    return code[offset + 1] >> 4 if endian == "little" else code[offset + 1] & 15


def immediate(code: bytes | bytearray, offset: int, endian: str) -> int:
    """The signed 32-bit immediate of the instruction at byte ``offset``."""
    value: int = _IMMEDIATE[endian].unpack_from(code, offset + 4)[0]
    return value


def set_immediate(code: bytearray, offset: int, endian: str, value: int) -> None:
    """Replace the immediate of the instruction at byte ``offset``."""
    _IMMEDIATE[endian].pack_into(code, offset + 4, value)


def helper_calls(code: bytes | bytearray, endian: str) -> list[tuple[int, int]]:
    """(byte offset, helper number) of each call of a kernel helper."""
    calls = []
    offset = 0
    while offset + SIZE <= len(code):
        if code[offset] == CALL and source_register(code, offset, endian) == CALL_HELPER:
            calls.append((offset, immediate(code, offset, endian)))
        offset += 2 * SIZE if code[offset] == LD_IMM64 else SIZE
    return calls
