"""The target program of user-space probes, for every machine that the kernel tests run on."""

from __future__ import annotations

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tests.support import targets
from tests.support.zig_probes import need_compiler


@pytest.mark.parametrize("machine", targets.MACHINES)
def test_functions_and_notes(machine: str, tmp_path: Path) -> None:
    need_compiler()
    with targets.compile_for(machine, tmp_path / machine).open("rb") as file:
        elf = ELFFile(file)
        symbols = {symbol.name: symbol for symbol in elf.get_section_by_name(".symtab").iter_symbols()}
        assert symbols["target_add"]["st_info"]["type"] == "STT_FUNC"
        base = elf.get_section_by_name(".stapsdt.base")["sh_addr"]
        order = "little" if elf.little_endian else "big"
        notes = {}
        for note in elf.get_section_by_name(".note.stapsdt").iter_notes():
            data = note["n_descdata"]
            place, noted_base, semaphore = (int.from_bytes(data[n : n + 8], order) for n in (0, 8, 16))
            provider, name, arguments = data[24:].split(b"\0")[:3]
            assert (provider, noted_base) == (b"target", base)
            assert elf.get_section_by_name(".text")["sh_addr"] <= place
            notes[name] = (semaphore, len(arguments.split()))
    assert notes == {b"done": (0, 2), b"counted": (symbols["target_counted_semaphore"]["st_value"], 1)}
