"""What instructions refer to, in the one form that every loader understands alike."""

from __future__ import annotations

import pytest

from pyzbpf.elf import image as elf
from pyzbpf.finish import unit
from tests.support import zig_probes


@pytest.mark.parametrize("endian", ["little", "big"])
@pytest.mark.parametrize("name", zig_probes.EVERY)
def test_only_sections_have_an_offset(name: str, endian: str) -> None:
    """As from clang: of a symbol plus an offset cilium/ebpf drops the offset, and says nothing."""
    read = unit.read(zig_probes.path(name, endian=endian).read_bytes(), file=name)
    for _, instruction in read.code.instructions():
        symbol = instruction.symbol
        if instruction.relocation_type == elf.R_BPF_64_64 and symbol is not None:
            assert symbol.type == elf.STT_SECTION or instruction.immediate == 0, symbol.name
