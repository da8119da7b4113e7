"""Instructions as text, for both byte orders: one of each group."""

from __future__ import annotations

import struct

import pytest

from pyzbpf.insn.disassemble import disassemble

CASES = [
    ((0xB7, 1, 0, 0, -5), "r1 = -5"),
    ((0xBC, 1, 2, 0, 0), "w1 = w2"),
    ((0xBF, 1, 2, 8, 0), "r1 = (s8)r2"),
    ((0xBF, 0, 3, -1, 0), "r0 = &(void __percpu *)(r3)"),
    ((0xBF, 1, 2, 1, 1 << 16), "r1 = addr_space_cast(r2, 1, 0)"),
    ((0x37, 3, 0, 1, 7), "r3 s/= 7"),
    ((0x94, 3, 0, 0, 7), "w3 %= 7"),
    ((0x87, 4, 0, 0, 0), "r4 = -r4"),
    ((0xDC, 4, 0, 0, 16), "r4 = be16 r4"),
    ((0xD4, 4, 0, 0, 32), "r4 = le32 r4"),
    ((0xD7, 4, 0, 0, 64), "r4 = bswap64 r4"),
    ((0xC7, 5, 0, 0, 63), "r5 s>>= 63"),
    ((0x05, 0, 0, -3, 0), "goto -3"),
    ((0x06, 0, 0, 0, 90000), "goto +90000"),
    ((0xE5, 0, 0, 2, 0), "may_goto +2"),
    ((0x1D, 1, 2, 4, 0), "if r1 == r2 goto +4"),
    ((0xC6, 1, 0, 4, -1), "if w1 s< -1 goto +4"),
    ((0x85, 0, 0, 0, 5), "call ktime_get_ns#5"),
    ((0x85, 0, 0, 0, 99999), "call helper#99999"),
    ((0x85, 0, 1, 0, -7), "call -7"),
    ((0x85, 0, 2, 0, 123), "call kernel function 123"),
    ((0x95, 0, 0, 0, 0), "exit"),
    ((0x71, 1, 2, -8, 0), "r1 = *(u8 *)(r2 -8)"),
    ((0x91, 1, 2, 3, 0), "r1 = *(s8 *)(r2 +3)"),
    ((0x7B, 10, 2, -16, 0), "*(u64 *)(r10 -16) = r2"),
    ((0x62, 10, 0, -4, 9), "*(u32 *)(r10 -4) = 9"),
    ((0x28, 0, 0, 0, 12), "r0 = *(u16 *)skb[12]"),
    ((0x50, 0, 6, 0, 12), "r0 = *(u8 *)skb[r6 + 12]"),
    ((0xDB, 1, 2, 0, 0), "lock *(u64 *)(r1 +0) += r2"),
    ((0xC3, 1, 2, 0, 0x41), "w2 = fetch_or_32(r1 +0, w2)"),
    ((0xDB, 1, 2, 8, 0xE1), "r2 = xchg_64(r1 +8, r2)"),
    ((0xDB, 1, 2, 8, 0xF1), "r0 = cmpxchg_64(r1 +8, r0, r2)"),
    ((0xDB, 1, 2, 8, 0x100), "r1 = load_acquire(*(u64 *)(r2 +8))"),
    ((0xDB, 1, 2, 8, 0x110), "store_release(*(u64 *)(r1 +8), r2)"),
]


def encoded(instruction: tuple[int, int, int, int, int], endian: str) -> bytes:
    opcode, target, source, offset, immediate = instruction
    registers = source << 4 | target if endian == "little" else target << 4 | source
    return struct.pack(("<" if endian == "little" else ">") + "BBhi", opcode, registers, offset, immediate)


@pytest.mark.parametrize(("instruction", "text"), CASES)
@pytest.mark.parametrize("endian", ["little", "big"])
def test_one_instruction(instruction: tuple[int, int, int, int, int], text: str, endian: str) -> None:
    (found,) = disassemble(encoded(instruction, endian), endian)
    assert found == (0, text)


@pytest.mark.parametrize(
    ("source", "low", "high", "text"),
    [
        (0, 0x11, 0x22, "r1 = 0x2200000011 ll"),
        (1, 7, 0, "r1 = map[id:7]"),
        (2, 7, 24, "r1 = map[id:7][0]+24"),
        (4, -3, 0, "r1 = subprog[-3]"),
    ],
)
@pytest.mark.parametrize("endian", ["little", "big"])
def test_a_constant_takes_two(source: int, low: int, high: int, text: str, endian: str) -> None:
    code = encoded((0x18, 1, source, 0, low), endian) + encoded((0, 0, 0, 0, high), endian)
    assert list(disassemble(code + encoded((0x95, 0, 0, 0, 0), endian), endian)) == [(0, text), (2, "exit")]
