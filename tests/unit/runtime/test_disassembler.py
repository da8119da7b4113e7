"""Machine code as text: for each machine a piece of code as the kernel's compiler writes it.

That of x86_64 is a program of `subprograms.zig` as Linux 6.18 compiled it. The others are assembled by ``zig cc`` from the
sequences of arch/*/net/bpf_jit_comp*.c: entry and exit, calls by a register, by a distance, by a number behind the code.
"""

from __future__ import annotations

import sys

import pytest

from pyzbpf.errors import Error
from pyzbpf.runtime.disassembler import disassemble
from tests.support.require import optional

START = 0xFFFFFFFFC0025E58
CASES = {
    "x86_64": (
        "0f1f4400000f1f00554889e54881ec080000008b7f7048c745f8000000004989e84983c0f8e88e1000004c8b45f84d85c07506"
        "c9e97ae20dc148c7c0ffffffffebf148bf00102388888888ff",
        """
         0: nopl (%rax, %rax)
         5: nopl (%rax)
         8: pushq %rbp
         9: movq %rsp, %rbp
         c: subq $8, %rsp
        13: movl 0x70(%rdi), %edi
        16: movq $0, -8(%rbp)
        1e: movq %rbp, %r8
        21: addq $-8, %r8
        25: callq 0xffffffffc0026f10 -> 0xffffffffc0026f10
        2a: movq -8(%rbp), %r8
        2e: testq %r8, %r8
        31: jne 0x39
        33: leave
        34: jmp 0xffffffff8110410b -> 0xffffffff8110410b
        39: movq $0xffffffffffffffff, %rax
        40: jmp 0x33
        42: movabsq $0xff88888888231000, %rdi
        """,
    ),
    "aarch64": (
        "5f2403d5e9031eaa1f2003d53f2303d5fd7bbfa9fd0300918a4682926a24b0f20a00d0f240013fd6470000b400040094fd7bc1a8"
        "bf2303d5c0035fd66a00005840011fd61f2003d5604523810080ffff",
        """
         0: bti c
         4: mov x9, x30
         8: nop
         c: paciasp
        10: stp x29, x30, [sp, #-0x10]!
        14: mov x29, sp
        18: mov x10, #-0x1235
        1c: movk x10, #0x8123, lsl #16
        20: movk x10, #0x8000, lsl #32
        24: blr x10 -> 0xffff80008123edcb
        28: cbz x7, 0x30
        2c: bl 0xffffffffc0026e84 -> 0xffffffffc0026e84
        30: ldp x29, x30, [sp], #0x10
        34: autiasp
        38: ret
        3c: ldr x10, #0x48 -> 0xffff800081234560
        40: br x10
        44: nop
        48: .quad 0xffff800081234560 -> 0xffff800081234560
        """,
    ),
    "s390x": (
        "c00400000000eb6ff0300024a7fbff50c418000000140de1b90400e2ece80006007cc0e500000800b904002eeb6ff0e0000407fe"
        "0707070700000000001a2b30",
        """
         0: brcl 0, 0x0
         6: stmg %r6, %r15, 0x30(%r15)
         c: aghi %r15, -0xb0
        10: lgrl %r1, 0x38 -> 0x1a2b30
        16: basr %r14, %r1
        18: lgr %r14, %r2
        1c: cgije %r14, 0, 0x28
        22: brasl %r14, 0xffffffffc0026e7a -> 0xffffffffc0026e7a
        28: lgr %r2, %r14
        2c: lmg %r6, %r15, 0xe0(%r15)
        32: br %r14
        34: bcr 0, %r7
        36: bcr 0, %r7
        38: .quad 0x1a2b30 -> 0x1a2b30
        """,
    ),
    "riscv64": (
        "011106ec9720f1ffe780806719c1ef100000e2608280",
        """
         0: c.addi sp, -0x20
         2: c.sdsp ra, 0x18(sp)
         4: auipc ra, 0xfff12
         8: jalr ra, ra, 0x678 -> 0xffffffffbff384d4
         c: c.beqz a0, 0x12
         e: jal 0xffffffffc0026e66 -> 0xffffffffc0026e66
        12: c.ldsp ra, 0x18(sp)
        14: c.jr ra
        """,
    ),
}


def shown(code: bytes, machine: str) -> list[str]:
    return [
        f"{offset:x}: {text}" + (f" -> {named:#x}" if named is not None else "")
        for offset, text, named in disassemble(code, machine, START)
    ]


@pytest.mark.parametrize("machine", CASES)
def test_each_machine(machine: str) -> None:
    optional("capstone")
    code, text = CASES[machine]
    assert shown(bytes.fromhex(code), machine) == [line.strip() for line in text.strip().splitlines()]


@pytest.mark.parametrize(
    ("machine", "code", "text"),
    [
        ("x86_64", "9006c3", ["0: nop", "1: .byte 0x06", "2: retq"]),
        # Moves of another register, and one that the instruction between has made old.
        ("aarch64", "0a0082d22b0082d240013fd6", ["0: mov x10, #0x1000", "4: mov x11, #0x1001", "8: blr x10"]),
        ("aarch64", "0a0082d21f2003d540013fd6", ["0: mov x10, #0x1000", "4: nop", "8: blr x10"]),
        ("riscv64", "972000000100e7808067", ["0: auipc ra, 2", "4: c.nop", "6: jalr ra, ra, 0x678"]),
        ("riscv64", "97200000e7800000", ["0: auipc ra, 2", "4: jalr ra -> 0xffffffffc0027e58"]),
        ("riscv64", "1723000067000300", ["0: auipc t1, 2", "4: jr t1 -> 0xffffffffc0027e58"]),
        # A number that would lie behind the end.
        ("aarch64", "4a000058", ["0: ldr x10, #8"]),
        ("s390x", "", []),
    ],
)
def test_what_is_not_as_expected(machine: str, code: str, text: list[str]) -> None:
    optional("capstone")
    assert shown(bytes.fromhex(code), machine) == text


def test_a_machine_that_nobody_knows() -> None:
    with pytest.raises(Error, match=r"of sparc64 is not taken apart, only that of x86_64, .* and riscv64\n"):
        list(disassemble(bytes(4), "sparc64"))


def test_without_capstone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "capstone", None)
    with pytest.raises(Error, match=r"^capstone is not installed: pip install 'pyzbpf\[disassembly\]'$"):
        list(disassemble(bytes(4), "x86_64"))
