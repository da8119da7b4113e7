"""The target program of user-space probes, for every machine that the kernel tests run on."""

from __future__ import annotations

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from pyzbpf.elf import usdt, usdt_arguments
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


@pytest.mark.parametrize("machine", targets.MACHINES)
def test_our_reader_agrees(machine: str, tmp_path: Path) -> None:
    """Of both programs: where each probe is, and that its arguments can be read by a probe."""
    need_compiler()
    endian = "big" if machine == "s390x" else "little"
    for path, provider in (
        (targets.compile_for(machine, tmp_path / machine), "target"),
        (targets.compile_zig(machine, tmp_path / f"{machine}-zig"), "target_zig"),
    ):
        executable = usdt.read(str(path))
        assert not executable.relocatable
        assert {probe.provider for probe in executable.probes} == {provider}
        (done,) = usdt.find(executable, str(path), provider, "done")
        data = path.read_bytes()
        assert data[done.offset : done.offset + len(NOP[machine])] == NOP[machine]
        record = usdt_arguments.pack(
            done.arguments, executable.machine, endian=endian, cookie=0, file=str(path), probe="done"
        )
        assert int.from_bytes(record[200:202], endian) == 2


NOP = {"x86_64": b"\x90", "aarch64": b"\x1f\x20\x03\xd5", "s390x": b"\x47\x00"}
