"""The bytes of instructions, in both byte orders."""

from __future__ import annotations

import pytest

from pyzbpf.insn import instruction as insn
from tests.support.assemble import Asm


@pytest.mark.parametrize("endian", ["little", "big"])
def test_helper_calls_are_found_behind_wide_loads(endian: str) -> None:
    asm = Asm(endian).load_imm64(1, 0x85_00000000).call(5).mov_imm(0, 0)
    asm.raw(0x85, source=1, imm=3).raw(0x85, source=2, imm=9).call(130)
    assert insn.helper_calls(asm.code, endian) == [(16, 5), (48, 130)]


@pytest.mark.parametrize("endian", ["little", "big"])
def test_immediate_both_ways(endian: str) -> None:
    code = Asm(endian).mov_imm(0, -2).code
    assert insn.immediate(code, 0, endian) == -2
    insn.set_immediate(code, 0, endian, 0x1234)
    assert insn.immediate(code, 0, endian) == 0x1234
    assert code[0] == 0xB7
