"""Arguments of USDT probes as assemblers write them -> records as libbpf's usdt.bpf.h reads them."""

from __future__ import annotations

import struct

import pytest

from pyzbpf.elf import usdt_arguments
from pyzbpf.errors import ObjectError, UnsupportedError

X86, ARM, S390 = "EM_X86_64", "EM_AARCH64", "EM_S390"
CONSTANT, REGISTER, MEMORY, INDEXED = range(4)


def parsed(text: str, machine: str, endian: str = "little") -> list[tuple[int, ...]]:
    """(kind, value, register, index register, shift of the index, signed, bits to shift) of each argument."""
    raw = usdt_arguments.pack(text, machine, endian=endian, cookie=7, file="f", probe="p:n")
    assert len(raw) == usdt_arguments.SIZE
    order = "<" if endian == "little" else ">"
    cookie, count = struct.unpack_from(f"{order}Qh", raw, 192)
    assert cookie == 7
    found = []
    for number in range(count):
        value, fields, register, signed, shift = struct.unpack_from(f"{order}qIh?B", raw, 16 * number)
        if endian == "little":
            kind, index, scale = fields & 255, fields >> 8 & 4095, fields >> 20 & 15
        else:
            kind, index, scale = fields & 255, fields >> 12 & 4095, fields >> 8 & 15
        found.append((kind, value, register, index, scale, signed, shift))
    assert raw[16 * count : 192] == bytes(192 - 16 * count)
    return found


@pytest.mark.parametrize(
    ("machine", "text", "expected"),
    [
        (X86, "-4@$-9", (CONSTANT, -9, 0, 0, 0, True, 32)),
        (X86, "8@%rax", (REGISTER, 0, 80, 0, 0, False, 0)),
        (X86, "-4@%r15d", (REGISTER, 0, 0, 0, 0, True, 32)),
        (X86, "1@%sil", (REGISTER, 0, 104, 0, 0, False, 56)),
        (X86, "1@%al", (REGISTER, 0, 80, 0, 0, False, 56)),
        (X86, "2@%ax", (REGISTER, 0, 80, 0, 0, False, 48)),
        (X86, "-4@112(%rsp)", (MEMORY, 112, 152, 0, 0, True, 32)),
        (X86, "8@(%rbp)", (MEMORY, 0, 32, 0, 0, False, 0)),
        (X86, "8@-0x10(%rip)", (MEMORY, -16, 128, 0, 0, False, 0)),
        (X86, "-1@-96(%rbp,%rax,8)", (INDEXED, -96, 32, 80, 3, True, 56)),
        (X86, "4@(%rdi,%r9)", (INDEXED, 0, 112, 64, 0, False, 32)),
        (ARM, "-4@5", (CONSTANT, 5, 0, 0, 0, True, 32)),
        (ARM, "8@x24", (REGISTER, 0, 192, 0, 0, False, 0)),
        (ARM, "-4@w3", (REGISTER, 0, 24, 0, 0, True, 32)),
        (ARM, "-4@[sp, 60]", (MEMORY, 60, 248, 0, 0, True, 32)),
        (ARM, "8@[x0,#-8]", (MEMORY, -8, 0, 0, 0, False, 0)),
        (ARM, "8@[x29]", (MEMORY, 0, 232, 0, 0, False, 0)),
        (S390, "4@71", (CONSTANT, 71, 0, 0, 0, False, 32)),
        (S390, "-8@%r0", (REGISTER, 0, 24, 0, 0, True, 0)),
        (S390, "-2@-28(%r15)", (MEMORY, -28, 144, 0, 0, True, 48)),
    ],
)
@pytest.mark.parametrize("endian", ["little", "big"])
def test_one_argument(machine: str, text: str, expected: tuple[int, ...], endian: str) -> None:
    assert parsed(text, machine, endian) == [expected]


def test_several_arguments() -> None:
    kinds = [argument[0] for argument in parsed("8@%r14 8@-4( %rbp , %rax, 4 )  -4@$3 ", X86)]
    assert kinds == [REGISTER, INDEXED, CONSTANT]
    assert [argument[0] for argument in parsed("-4@[sp, 60] 8@x1", ARM)] == [MEMORY, REGISTER]
    assert parsed("", X86) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8f@%xmm0", "'8f@%xmm0' one is a floating-point number"),
        ("3@%rax", "'3@%rax' one does not begin with a size of 1, 2, 4 or 8 bytes"),
        ("%rax", "does not begin with a size"),
        ("8@%rax 4@%xmm1", "one is in the register 'xmm1'"),
        ("8@counter(%rip)", r"'8@counter\(%rip\)' one is at no place that can be said"),
        (" ".join(["8@%rax"] * 13), "it has 13 arguments, and programs read 12 at most"),
    ],
)
def test_what_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(ObjectError, match=f"^f, symbol 'p:n': .*{message}"):
        parsed(text, X86)


def test_another_machine() -> None:
    with pytest.raises(UnsupportedError, match=r"EM_ARM \('f'\)(.|\n)*EM_S390"):
        parsed("8@r0", "EM_ARM")
